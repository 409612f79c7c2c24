//! What the operator set for this plugin and app. Needs no grant.

use serde::de::DeserializeOwned;

use crate::{context::Context, error::Error, imports};

impl Context {
    /// What the operator set for this plugin and app, `{}` when nothing was set.
    ///
    /// ```
    /// use weft_plugin::{testing::Host, *};
    ///
    /// #[derive(serde::Deserialize)]
    /// #[serde(default)]
    /// struct Config {
    ///     greeting: String,
    /// }
    ///
    /// impl Default for Config {
    ///     fn default() -> Self {
    ///         Self { greeting: "Hello".into() }
    ///     }
    /// }
    ///
    /// #[message_handler]
    /// fn greet(_: Message, context: Context) -> Result<String, Error> {
    ///     let config: Config = context.config()?;
    ///     Ok(config.greeting)
    /// }
    ///
    /// let host = Host::new().config(&serde_json::json!({"greeting": "你好"}));
    /// assert_eq!(greet(testing::text("o1", "hi"), host.context()).unwrap(), "你好");
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] when it does not have the shape of `T`.
    pub fn config<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_str(&imports::config::json())
            .map_err(|error| Error::Invalid(format!("the plugin's configuration: {error}")))
    }
}
