//! What the operator set for this plugin and app. Needs no grant.

use serde::de::DeserializeOwned;

use crate::{context::Context, error::Error, imports};

impl Context {
    /// What the operator set for this plugin and app, `{}` when nothing was set.
    ///
    /// ```
    /// use weft_plugin::{prelude::*, testing::{self, TestHost}};
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
    /// fn greet(_: Message, context: Context) -> Result<String> {
    ///     let config: Config = context.config()?;
    ///     Ok(config.greeting)
    /// }
    ///
    /// let host = TestHost::new().config(&serde_json::json!({"greeting": "你好"}));
    /// assert_eq!(greet(testing::text("o1", "hi"), host.context()), Ok("你好".into()));
    ///
    /// let host = TestHost::new().config(&serde_json::json!({"greeting": 5}));
    /// let failed = greet(testing::text("o1", "hi"), host.context()).unwrap_err().to_string();
    /// assert!(failed.contains("greeting: invalid type: integer `5`, expected a string"), "{failed}");
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] when it does not have the shape of `T`; the text names the field.
    pub fn config<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let json = imports::config::json();
        let mut json = serde_json::Deserializer::from_str(&json);
        serde_path_to_error::deserialize(&mut json)
            .map_err(|error| Error::Invalid(format!("the plugin's configuration: {error}")))
    }
}
