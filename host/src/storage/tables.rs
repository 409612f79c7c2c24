//! The tables of the store, or what is kept in them: a way to each.

use super::{
    AppPlugins, Apps, Articles, AuditLog, BillDifferences, CallCounts, CallPauses, Credentials, Deliveries,
    DeliveryAnswers, DisabledPlugins, HandlerSyncs, Handlers, Jobs, LimitedActions, MassMessages, Materials, Menus,
    MerchantPauses, Merchants, MessageLogs, Orders, PluginCanaries, PluginDecisions, PluginKv, PluginLimits,
    PluginReplicas, PluginVersions, Processes, Publications, Questions, Reconciliations, Refunds, Sends, Store,
    Subscriptions, Tags, Templates, Tokens, Users,
};
use crate::model::CredentialKind;

impl Store {
    /// The apps.
    pub fn apps(&self) -> Apps<'_> {
        Apps(self)
    }

    /// The limits of single plugins.
    pub fn plugin_limits(&self) -> PluginLimits<'_> {
        PluginLimits(self)
    }

    /// The plugins that are switched off.
    pub fn disabled_plugins(&self) -> DisabledPlugins<'_> {
        DisabledPlugins(self)
    }

    /// What plugins may do for apps.
    pub fn app_plugins(&self) -> AppPlugins<'_> {
        AppPlugins(self)
    }

    /// The handlers of the apps.
    pub fn handlers(&self) -> Handlers<'_> {
        Handlers(self)
    }

    /// The syncs of handlers from WeChat's own settings.
    pub fn handler_syncs(&self) -> HandlerSyncs<'_> {
        HandlerSyncs(self)
    }

    /// The materials of the apps.
    pub fn materials(&self) -> Materials<'_> {
        Materials(self)
    }

    /// Drafts, published articles, and those of materials.
    pub fn articles(&self) -> Articles<'_> {
        Articles(self)
    }

    /// Drafts that were handed to WeChat to be published.
    pub fn publications(&self) -> Publications<'_> {
        Publications(self)
    }

    /// Who changed what.
    pub fn audit_log(&self) -> AuditLog<'_> {
        AuditLog(self)
    }

    /// The jobs of the apps.
    pub fn jobs(&self) -> Jobs<'_> {
        Jobs(self)
    }

    /// The tokens of the admin API.
    pub fn tokens(&self) -> Tokens<'_> {
        Tokens(self)
    }

    /// The deliveries of the last minutes.
    pub fn deliveries(&self) -> Deliveries<'_> {
        Deliveries(self)
    }

    /// The answers of the last minutes in SQLite.
    pub fn delivery_answers(&self) -> DeliveryAnswers<'_> {
        DeliveryAnswers(self)
    }

    /// The processes that share the database.
    pub fn processes(&self) -> Processes<'_> {
        Processes(self)
    }

    /// The menus of the apps.
    pub fn menus(&self) -> Menus<'_> {
        Menus(self)
    }

    /// The templates of the apps.
    pub fn templates(&self) -> Templates<'_> {
        Templates(self)
    }

    /// The messages made of templates.
    pub fn sends(&self) -> Sends<'_> {
        Sends(self)
    }

    /// What users said to templates of subscribe messages.
    pub fn subscriptions(&self) -> Subscriptions<'_> {
        Subscriptions(self)
    }

    /// The messages to many followers at once.
    pub fn mass_messages(&self) -> MassMessages<'_> {
        MassMessages(self)
    }

    /// The merchants of the apps.
    pub fn merchants(&self) -> Merchants<'_> {
        Merchants(self)
    }

    /// The merchants for which WeChat Pay does not answer.
    pub fn merchant_pauses(&self) -> MerchantPauses<'_> {
        MerchantPauses(self)
    }

    /// The orders of the merchants.
    pub fn orders(&self) -> Orders<'_> {
        Orders(self)
    }

    /// The refunds of the orders.
    pub fn refunds(&self) -> Refunds<'_> {
        Refunds(self)
    }

    /// What WeChat is to be asked about orders and refunds.
    pub fn questions(&self) -> Questions<'_> {
        Questions(self)
    }

    /// The comparisons of the merchants' bills.
    pub fn reconciliations(&self) -> Reconciliations<'_> {
        Reconciliations(self)
    }

    /// The differences between bills and what is here.
    pub fn bill_differences(&self) -> BillDifferences<'_> {
        BillDifferences(self)
    }

    /// The message log.
    pub fn message_logs(&self) -> MessageLogs<'_> {
        MessageLogs(self)
    }

    /// The tags of the apps.
    pub fn tags(&self) -> Tags<'_> {
        Tags(self)
    }

    /// The users of the apps.
    pub fn users(&self) -> Users<'_> {
        Users(self)
    }

    /// The access tokens, or the tickets of one type, of all apps.
    pub fn credentials(&self, kind: CredentialKind) -> Credentials<'_> {
        Credentials { store: self, kind }
    }

    /// How often WeChat's API was called.
    pub fn call_counts(&self) -> CallCounts<'_> {
        CallCounts(self)
    }

    /// What is not called for a while.
    pub fn call_pauses(&self) -> CallPauses<'_> {
        CallPauses(self)
    }

    /// What apps may do only so often.
    pub fn limited_actions(&self) -> LimitedActions<'_> {
        LimitedActions(self)
    }

    /// What the plugins are to run.
    pub fn plugin_decisions(&self) -> PluginDecisions<'_> {
        PluginDecisions(self)
    }

    /// The versions of plugins that only some users get.
    pub fn plugin_canaries(&self) -> PluginCanaries<'_> {
        PluginCanaries(self)
    }

    /// The last good versions of the plugins.
    pub fn plugin_versions(&self) -> PluginVersions<'_> {
        PluginVersions(self)
    }

    /// What plugins run in which process.
    pub fn plugin_replicas(&self) -> PluginReplicas<'_> {
        PluginReplicas(self)
    }

    /// The key-value stores of the plugins.
    pub fn plugin_kv(&self) -> PluginKv<'_> {
        PluginKv(self)
    }
}
