//! The plugins that tests run, built once from their sources.

use std::path::Path;

use tokio::sync::{Mutex, OnceCell};
use weft::plugins::build;

/// plugins-examples/greeter.
pub(crate) async fn greeter() -> &'static [u8] {
    static BYTES: OnceCell<Vec<u8>> = OnceCell::const_new();
    BYTES.get_or_init(|| built("plugins-examples/greeter", &[])).await
}

/// The greeter with its feature `formal`: it answers other words.
pub(crate) async fn formal_greeter() -> &'static [u8] {
    static BYTES: OnceCell<Vec<u8>> = OnceCell::const_new();
    BYTES.get_or_init(|| built("plugins-examples/greeter", &["formal"])).await
}

/// host/tests/guests/misbehave: does what the text of the message says.
pub(crate) async fn misbehave() -> &'static [u8] {
    static BYTES: OnceCell<Vec<u8>> = OnceCell::const_new();
    BYTES.get_or_init(|| built("host/tests/guests/misbehave", &[])).await
}

/// host/tests/guests/listener: rules and observers.
pub(crate) async fn listener() -> &'static [u8] {
    static BYTES: OnceCell<Vec<u8>> = OnceCell::const_new();
    BYTES.get_or_init(|| built("host/tests/guests/listener", &[])).await
}

/// host/tests/guests/asker: asks outside what the text of the message says.
pub(crate) async fn asker() -> &'static [u8] {
    static BYTES: OnceCell<Vec<u8>> = OnceCell::const_new();
    BYTES.get_or_init(|| built("host/tests/guests/asker", &[])).await
}

/// host/tests/guests/first: always of the first released contract.
pub(crate) async fn first() -> &'static [u8] {
    static BYTES: OnceCell<Vec<u8>> = OnceCell::const_new();
    BYTES.get_or_init(|| built("host/tests/guests/first", &[])).await
}

/// host/tests/guests/pages: pages that tell what they are asked, and pages that misbehave.
pub(crate) async fn pages() -> &'static [u8] {
    static BYTES: OnceCell<Vec<u8>> = OnceCell::const_new();
    BYTES.get_or_init(|| built("host/tests/guests/pages", &[])).await
}

/// plugins-examples/qr-attribution.
pub(crate) async fn qr_attribution() -> &'static [u8] {
    static BYTES: OnceCell<Vec<u8>> = OnceCell::const_new();
    BYTES.get_or_init(|| built("plugins-examples/qr-attribution", &[])).await
}

/// plugins-examples/coupon-page.
pub(crate) async fn coupon_page() -> &'static [u8] {
    static BYTES: OnceCell<Vec<u8>> = OnceCell::const_new();
    BYTES.get_or_init(|| built("plugins-examples/coupon-page", &[])).await
}

/// plugins-examples/keyword-menu.
pub(crate) async fn keyword_menu() -> &'static [u8] {
    static BYTES: OnceCell<Vec<u8>> = OnceCell::const_new();
    BYTES.get_or_init(|| built("plugins-examples/keyword-menu", &[])).await
}

/// plugins-examples/slow-assistant.
pub(crate) async fn slow_assistant() -> &'static [u8] {
    static BYTES: OnceCell<Vec<u8>> = OnceCell::const_new();
    BYTES.get_or_init(|| built("plugins-examples/slow-assistant", &[])).await
}

/// plugins-examples/office-hours.
pub(crate) async fn office_hours() -> &'static [u8] {
    static BYTES: OnceCell<Vec<u8>> = OnceCell::const_new();
    BYTES.get_or_init(|| built("plugins-examples/office-hours", &[])).await
}

/// plugins-examples/order-fulfilment.
pub(crate) async fn order_fulfilment() -> &'static [u8] {
    static BYTES: OnceCell<Vec<u8>> = OnceCell::const_new();
    BYTES.get_or_init(|| built("plugins-examples/order-fulfilment", &[])).await
}

async fn built(source: &str, features: &[&str]) -> Vec<u8> {
    // Two builds of one package write the same file.
    static BUILDING: Mutex<()> = Mutex::const_new(());
    let _building = BUILDING.lock().await;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(source);
    let component = build::build(&source, features).await.unwrap();
    std::fs::read(component).unwrap()
}
