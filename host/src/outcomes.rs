//! What WeChat's events tell of messages that were sent, and of whom one may be sent to: noted without waiting, as the
//! messages themselves are answered meanwhile.

use weft_wechat::message::{Content, CopyrightCheck, Event, MassSendJobFinish, Message};

use crate::{
    model::{
        App, MassArticle, MassCheckedArticle, MassCopyright, MassOutcome, PublicationOutcome, PublicationState,
        SendOutcome,
    },
    storage::{BatchWriter, OutcomeRow, Store, ToldOutcome},
};

/// The longest text of WeChat's that is kept, in characters.
const WORDS: usize = 200;

/// Notes outcomes. Clones write into the same batches; one of them has to [`run`](Self::run).
#[derive(Clone)]
pub struct Outcomes(BatchWriter<OutcomeRow>);

impl Outcomes {
    /// Keeps them in `store`.
    pub fn new(store: Store) -> Self {
        Self(BatchWriter::new(store))
    }

    /// Hands over what a message tells, without waiting. Most tell nothing.
    pub fn note(&self, app: &App, message: &Message) {
        let Content::Event(event) = &message.content else { return };
        for told in told(event, &message.sender, message.created_at) {
            self.0.send(OutcomeRow { app: app.name.clone(), told });
        }
    }

    /// Waits until all that was noted is written.
    pub async fn flush(&self) {
        self.0.flush().await;
    }

    /// Writes until it is [closed](Self::close).
    pub async fn run(self) {
        self.0.run().await;
    }

    /// Writes what waits and ends.
    pub async fn close(&self) {
        self.0.close().await;
    }
}

fn told(event: &Event, openid: &str, at: u64) -> Vec<ToldOutcome> {
    let openid = || openid.to_owned();
    match event {
        Event::TemplateSendJobFinish(job) => {
            let outcome = outcome_of(&job.status);
            let reason = (outcome != SendOutcome::Delivered).then(|| words(&job.status));
            let (msgid, template_id) = (job.msg_id.to_string(), None);
            vec![ToldOutcome::Message { msgid, openid: openid(), template_id, outcome, errcode: None, reason }]
        }
        Event::SubscribeMsgSent(sent) => {
            let one = |sent: &weft_wechat::message::SubscribeMsgSent| {
                let delivered = sent.error_code == 0;
                ToldOutcome::Message {
                    msgid: sent.msg_id.clone(),
                    openid: openid(),
                    template_id: Some(sent.template_id.clone()),
                    outcome: if delivered { SendOutcome::Delivered } else { SendOutcome::Failed },
                    errcode: (!delivered).then_some(sent.error_code),
                    reason: (!delivered).then(|| words(&sent.error_status)),
                }
            };
            sent.iter().filter(|sent| !sent.msg_id.is_empty()).map(one).collect()
        }
        Event::SubscribeMsgPopup(said) | Event::SubscribeMsgChange(said) => {
            let said = said.iter().filter(|said| !said.template_id.is_empty());
            let one = |said: &weft_wechat::message::Subscription| ToldOutcome::Subscription {
                openid: openid(),
                template_id: said.template_id.clone(),
                status: words(&said.status),
                at,
            };
            said.map(one).collect()
        }
        Event::MassSendJobFinish(job) => {
            vec![ToldOutcome::Mass { msg_id: job.msg_id.to_string(), outcome: mass_outcome(job) }]
        }
        Event::PublishJobFinish(job) => {
            let state = PublicationState::of_status(job.status);
            let outcome = PublicationOutcome {
                publish_id: words(&job.publish_id),
                state,
                article_id: job.article_id.as_deref().map(words).filter(|id| !id.is_empty()),
                failed_indexes: job.failed_indexes.clone(),
            };
            let is_over = state != PublicationState::Publishing;
            is_over.then_some(ToldOutcome::Publication(outcome)).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// `success`, `failed:user block` or `failed: system failed`; WeChat's spaces vary.
fn outcome_of(status: &str) -> SendOutcome {
    let status = status.trim().to_ascii_lowercase();
    match status.strip_prefix("failed") {
        None if status == "success" => SendOutcome::Delivered,
        Some(why) if why.contains("block") => SendOutcome::Blocked,
        _ => SendOutcome::Failed,
    }
}

fn mass_outcome(job: &MassSendJobFinish) -> MassOutcome {
    let articles = job.articles.iter().map(|article| MassArticle { index: article.index, url: article.url.clone() });
    MassOutcome {
        status: words(&job.status),
        total_count: job.total_count,
        filter_count: job.filter_count,
        sent_count: job.sent_count,
        error_count: job.error_count,
        articles: articles.collect(),
        copyright: job.copyright.as_ref().map(copyright),
    }
}

fn copyright(check: &CopyrightCheck) -> MassCopyright {
    let articles = check.articles.iter().map(|article| MassCheckedArticle {
        index: article.index,
        declared: article.declared,
        audited: article.audited,
        original_url: article.original_url.clone(),
        can_reprint: article.can_reprint,
    });
    MassCopyright { state: check.state, articles: articles.collect() }
}

fn words(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(WORDS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_of_a_template_message_says_what_became_of_it() {
        for (status, outcome) in [
            ("success", SendOutcome::Delivered),
            ("failed:user block", SendOutcome::Blocked),
            ("failed: user block", SendOutcome::Blocked),
            ("failed: system failed", SendOutcome::Failed),
            ("failed:system failed", SendOutcome::Failed),
            ("something new", SendOutcome::Failed),
        ] {
            assert_eq!(outcome_of(status), outcome, "{status}");
        }
    }
}
