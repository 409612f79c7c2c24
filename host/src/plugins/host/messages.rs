//! `messages`: to users, outside the answer to one. Each is granted by the path of WeChat's API that it goes by.

use std::sync::Arc;

use weft_wechat::api::{
    Endpoint,
    message::{
        LinkedMiniProgram, TemplateData, TemplateValue,
        custom_send::CustomSend,
        subscribe_bizsend::SubscribeBizsend,
        subscribe_send::SubscribeSend,
        template_send::{MAX_CLIENT_MSG_ID, TemplateSend},
    },
};

use super::{Grant, HostError, wechat};
use crate::{
    model::{AppType, LoggedHandler, MessageLogEntry, Outcome, Via, is_openid},
    plugins::{
        bindings::imported::{
            messages::{self, MiniProgram, SubscribeMessage, TemplateMessage},
            reply::Reply,
            types::{Error, Field},
        },
        convert,
        instance::State,
    },
    upstream::SendError,
};

impl messages::Host for State {
    async fn send_customer_service(&mut self, openid: String, content: Reply) -> Result<(), HostError> {
        self.require(Grant::WechatApi(CustomSend::PATH))?;
        check(&openid)?;
        let (plugin, delivery_id) = (self.plugin().to_string(), self.subject()?.delivery_id.to_string());
        let call = self.wechat_call()?;
        let (app, reply, services) = (call.app(), convert::reply(content), Arc::clone(&self.services));
        let sending = async move {
            let sent = services.customer_service().send(&app, &openid, &reply).await;
            if app.settings.log_replies {
                let outcome = sent.as_ref().map_or_else(|error| Outcome::Failed(error.to_string()), |()| Outcome::Sent);
                let now = services.clock.now_ms();
                let entry = MessageLogEntry::outgoing(&app.name, now, &openid, &reply, Via::CustomerService, outcome);
                let handler = Some(LoggedHandler { id: None, name: plugin });
                let delivery_id = Some(delivery_id);
                services.message_log.record(MessageLogEntry { handler, delivery_id, ..entry });
            }
            sent.map_err(|error| match error {
                SendError::NoMessage | SendError::Reply(_) => Error::Invalid(error.to_string()),
                SendError::Call(error) => wechat::error(&error),
            })
        };
        // What WeChat has taken is logged, whether the plugin waits or not.
        call.run_detached(CustomSend::PATH, sending).await
    }

    async fn send_template(&mut self, message: TemplateMessage) -> Result<u64, HostError> {
        self.require(Grant::WechatApi(TemplateSend::PATH))?;
        check(&message.openid)?;
        let client_msg_id = message.client_msg_id.unwrap_or_default();
        if client_msg_id.len() > MAX_CLIENT_MSG_ID {
            return Err(Error::Invalid(format!("a client-msg-id has at most {MAX_CLIENT_MSG_ID} bytes")).into());
        }
        let call = self.wechat_call()?;
        let (app, wechat) = (call.app(), self.services.wechat.clone());
        let sending = async move {
            let miniprogram = message.mini_program.map(linked);
            let send = TemplateSend {
                touser: &message.openid,
                template_id: &message.template_id,
                url: message.url.as_deref().unwrap_or_default(),
                miniprogram: miniprogram.as_ref(),
                client_msg_id: &client_msg_id,
                data: &data(message.data),
            };
            let answer = wechat.call(&app, &send).await.map_err(|error| wechat::error(&error))?;
            Ok(answer.msgid.unwrap_or_default())
        };
        call.run(TemplateSend::PATH, sending).await
    }

    async fn send_subscribe(&mut self, message: SubscribeMessage) -> Result<(), HostError> {
        let is_mini_program = self.subject()?.app.app_type == AppType::Miniprogram;
        let path = if is_mini_program { SubscribeSend::PATH } else { SubscribeBizsend::PATH };
        self.require(Grant::WechatApi(path))?;
        check(&message.openid)?;
        let call = self.wechat_call()?;
        let (app, wechat) = (call.app(), self.services.wechat.clone());
        let sending = async move {
            let (touser, template_id) = (message.openid.as_str(), message.template_id.as_str());
            let (page, data) = (message.page.as_deref().unwrap_or_default(), &data(message.data));
            let answer = if is_mini_program {
                let send = SubscribeSend { touser, template_id, page, miniprogram_state: "", lang: "", data };
                wechat.call(&app, &send).await
            } else {
                let miniprogram = message.mini_program.map(linked);
                let send = SubscribeBizsend { touser, template_id, page, miniprogram: miniprogram.as_ref(), data };
                wechat.call(&app, &send).await
            };
            answer.map(drop).map_err(|error| wechat::error(&error))
        };
        call.run(path, sending).await
    }
}

fn check(openid: &str) -> Result<(), Error> {
    is_openid(openid).then_some(()).ok_or_else(|| Error::Invalid("this is no openid".to_owned()))
}

fn linked(program: MiniProgram) -> LinkedMiniProgram {
    LinkedMiniProgram { appid: program.appid, pagepath: program.pagepath }
}

fn data(fields: Vec<Field>) -> TemplateData {
    let value = |value| TemplateValue { value, color: String::new() };
    fields.into_iter().map(|field| (field.path, value(field.value))).collect()
}
