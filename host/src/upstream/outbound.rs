//! HTTP requests that a plugin makes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::dns::Resolve;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, Url};

use super::TransportError;
use super::lookups::Askers;
use super::on_the_way::OnTheWay;
use super::outside::{self, Outside};
use super::public_address::{PublicOnly, SystemNames};
use super::{answer, http};
use crate::model::is_off_limits;

/// How many connections to one host are kept while nobody uses them, and how long: each holds a file descriptor, and who
/// writes a plugin chooses how many hosts it asks.
const IDLE: (usize, Duration) = (4, Duration::from_secs(10));

/// Headers that are of one connection, or that the HTTP client or server writes itself. A plugin, which only makes a
/// request or an answer, cannot set them, and does not see them.
pub(crate) const OF_THE_CONNECTION: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What a request says of the proxies that it came through, and for whom: it came through none, and a server that trusts
/// these would believe a plugin.
const OF_PROXIES: [&str; 3] = ["forwarded", "via", "x-real-ip"];

/// Whatever begins so says the same.
const FORWARDED: &str = "x-forwarded-";

/// Sends plugins' requests. Clones share connections.
#[derive(Debug, Clone)]
pub struct Outbound {
    outside: Outside,
    /// For hosts without number, at public addresses: no connection is kept.
    once: Client,
    askers: Askers,
    on_the_way: OnTheWay,
}

/// A request as a plugin states it.
#[derive(Debug)]
pub struct OutboundRequest {
    /// Upper-case.
    pub method: String,
    /// Where to.
    pub url: Url,
    /// Names and values. Those of the connection itself, and of proxies, are left out.
    pub headers: Vec<(String, String)>,
    /// May be empty.
    pub body: Bytes,
    /// How long it may take until the whole answer is there.
    pub timeout: Duration,
    /// How long the answer's body may be, in bytes.
    pub max_answer: usize,
    /// Whether the operator means this very address, be it on the internet or not.
    pub is_meant: bool,
    /// Whether its host is one of any number that may be asked.
    pub is_one_of_many: bool,
}

/// What came back, whatever its status.
#[derive(Debug)]
pub struct OutboundAnswer {
    /// HTTP's.
    pub status: u16,
    /// Names in small letters, and values. Those of the connection itself are left out.
    pub headers: Vec<(String, String)>,
    /// At most as long as the request allows.
    pub body: Bytes,
}

/// Why there is no answer. None of the texts holds the URL.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// It tunnels, or repeats what was sent.
    #[error("the method is none of GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS")]
    Method,
    /// It cannot stand in a request.
    #[error("header {0} is not one: a name of letters, digits and hyphens, and a value on one line")]
    Header(usize),
    /// The host is in a network of this side.
    #[error("{host} has no public address")]
    NotPublic {
        /// As it stands in the URL.
        host: String,
    },
    /// No plugin is sent there, whoever means it.
    #[error("{host} is link-local, or where a cloud tells its machines their secrets: no plugin reaches it")]
    OffLimits {
        /// As it stands in the URL.
        host: String,
    },
    /// The request did not get through.
    #[error(transparent)]
    Transport(#[from] TransportError),
}

impl Outbound {
    /// Prepares the connections.
    ///
    /// # Errors
    /// When the system has no TLS roots.
    pub fn new() -> reqwest::Result<Self> {
        Self::resolving_with(SystemNames)
    }

    /// Looks names up with `names`.
    fn resolving_with(names: impl Resolve + 'static) -> reqwest::Result<Self> {
        let names = Arc::new(PublicOnly::of(names));
        let (most, for_long) = IDLE;
        let few = || http::client().pool_max_idle_per_host(most).pool_idle_timeout(for_long);
        let outside = Outside::of(few, Arc::clone(&names))?;
        let once = http::client().pool_max_idle_per_host(0).dns_resolver(names).build()?;
        Ok(Self { outside, once, askers: Askers::default(), on_the_way: OnTheWay::default() })
    }

    /// Sends a request of `plugin` for `app` once, when it is the app's turn. A redirect is an answer as any other.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn send(
        &self,
        plugin: &str,
        app: &str,
        request: OutboundRequest,
    ) -> Result<OutboundAnswer, OutboundError> {
        let OutboundRequest { method, url, headers, body, timeout, max_answer, is_meant, is_one_of_many } = request;
        let host = url.host_str().unwrap_or_default().to_owned();
        if is_off_limits(&url) {
            return Err(OutboundError::OffLimits { host });
        }
        let not_public = || OutboundError::NotPublic { host: host.clone() };
        let client = self.outside.client(&url, is_meant).map_err(|_| not_public())?;
        let client = if is_one_of_many { &self.once } else { client };
        let building = client.request(allowed(&method)?, url).headers(head(&headers)?);
        let began = Instant::now();
        // Until the whole answer is there.
        let _turns = self.on_the_way.plugins_turn(plugin, app, timeout).await?;
        let building = building.timeout(timeout.saturating_sub(began.elapsed()));
        let sending = self.askers.plugin(plugin, app).within(building.body(body).send());
        let response = sending.await.map_err(|error| {
            if outside::was_refused(&error) { not_public() } else { http::failure(error, timeout).into() }
        })?;
        let (status, headers) = (response.status().as_u16(), read_head(response.headers()));
        let body = answer::body(response, max_answer, timeout).await?;
        Ok(OutboundAnswer { status, headers, body })
    }
}

fn allowed(method: &str) -> Result<Method, OutboundError> {
    let allowed = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    if !allowed.contains(&method) {
        return Err(OutboundError::Method);
    }
    method.parse().map_err(|_| OutboundError::Method)
}

fn head(headers: &[(String, String)]) -> Result<HeaderMap, OutboundError> {
    let mut head = HeaderMap::new();
    for (index, (name, value)) in headers.iter().enumerate() {
        let wrong = OutboundError::Header(index + 1);
        let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) else {
            return Err(wrong);
        };
        if is_sent(name.as_str()) {
            head.append(name, value);
        }
    }
    Ok(head)
}

fn is_sent(name: &str) -> bool {
    !OF_THE_CONNECTION.contains(&name) && !OF_PROXIES.contains(&name) && !name.starts_with(FORWARDED)
}

fn read_head(headers: &HeaderMap) -> Vec<(String, String)> {
    let kept = headers.iter().filter(|(name, _)| !OF_THE_CONNECTION.contains(&name.as_str()));
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    kept.map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::vec;

    use futures::future::join_all;
    use reqwest::dns::{Addrs, Name, Resolving};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::sync::Barrier;

    use super::*;
    use crate::upstream::silent_names::SilentNames;

    fn get(url: &str, timeout: Duration) -> OutboundRequest {
        OutboundRequest {
            method: "GET".to_owned(),
            url: url.parse().unwrap(),
            headers: Vec::new(),
            body: Bytes::new(),
            timeout,
            max_answer: 0,
            is_meant: false,
            is_one_of_many: false,
        }
    }

    /// A server on this machine that answers when so many connections are there. Tells its URL, and how many are open.
    async fn server(crowd: usize) -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let (open, crowd) = (Arc::new(AtomicUsize::new(0)), Arc::new(Barrier::new(crowd)));
        let counted = Arc::clone(&open);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let (open, crowd) = (Arc::clone(&counted), Arc::clone(&crowd));
                tokio::spawn(async move {
                    open.fetch_add(1, SeqCst);
                    while stream.read(&mut [0; 4096]).await.is_ok_and(|read| read > 0) {
                        crowd.wait().await;
                        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
                    }
                    open.fetch_sub(1, SeqCst);
                });
            }
        });
        (url, open)
    }

    /// Waits until so many connections are open.
    async fn opened(open: &AtomicUsize, connections: usize) {
        let waiting = async {
            while open.load(SeqCst) != connections {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(15), waiting).await;
        assert!(waited.is_ok(), "{} are open, and not {connections}", open.load(SeqCst));
    }

    async fn ask(outbound: &Outbound, plugin: &str, app: &str, url: &str) -> u16 {
        let request = OutboundRequest { is_meant: true, ..get(url, Duration::from_secs(20)) };
        outbound.send(plugin, app, request).await.unwrap().status
    }

    #[tokio::test]
    async fn of_the_connections_to_a_host_a_few_are_kept() {
        let (url, open) = server(16).await;
        let outbound = Outbound::new().unwrap();
        assert_eq!(join_all((0..16).map(|_| ask(&outbound, "plugin", "app", &url))).await, [200; 16]);
        opened(&open, IDLE.0).await;
    }

    #[tokio::test]
    async fn an_app_has_so_many_requests_on_their_way_and_the_others_have_theirs() {
        let (url, open) = server(1000).await;
        let outbound = Outbound::new().unwrap();
        let busy = |plugin: &'static str| join_all((0..100).map(|_| ask(&outbound, plugin, "busy", &url)));
        let both = async {
            // Not all that the app may have are one plugin's.
            opened(&open, 48).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert_eq!(open.load(SeqCst), 48);
            busy("second").await
        };
        let others = async {
            opened(&open, 64).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert_eq!(open.load(SeqCst), 64);
            tokio::select! {
                status = ask(&outbound, "first", "quiet", &url) => panic!("nobody answers: {status}"),
                () = opened(&open, 65) => {}
            }
        };
        tokio::select! {
            answers = busy("first") => panic!("nobody answers: {answers:?}"),
            answers = both => panic!("nobody answers: {answers:?}"),
            () = others => {}
        }
    }

    #[tokio::test]
    async fn a_plugin_whose_names_are_looked_up_slowly_keeps_no_other_from_asking_nor_another_app() {
        let names = SilentNames::default();
        let outbound = Outbound::resolving_with(names.clone()).unwrap();
        let ask = async |plugin: &str, app: &str, host: &str| {
            let request = get(&format!("http://{host}/"), Duration::from_secs(10));
            outbound.send(plugin, app, request).await.is_ok()
        };
        let hosts: Vec<_> = (0..100).map(|number| format!("{number}.slow.example")).collect();
        let slow = join_all(hosts.iter().map(|host| ask("slow", "shop", host)));
        let others = async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            assert!(names.heard() < 20, "{}", names.heard());
            assert!(names.hears("blog.example", ask("slow", "blog", "blog.example")).await);
            assert!(names.hears("quick.example", ask("quick", "shop", "quick.example")).await);
        };
        tokio::select! {
            answers = slow => panic!("no name is known: {answers:?}"),
            () = others => {}
        }
    }

    /// A server of names that answers each question with the next of its answers. Clones share them.
    #[derive(Clone)]
    struct ChangingNames(Arc<Mutex<vec::IntoIter<Vec<IpAddr>>>>);

    impl Resolve for ChangingNames {
        fn resolve(&self, _: Name) -> Resolving {
            let answer = self.0.lock().unwrap().next().expect("each request asks once");
            let addresses = answer.into_iter().map(|address| SocketAddr::new(address, 0));
            Box::pin(async move { Ok(Box::new(addresses) as Addrs) })
        }
    }

    impl ChangingNames {
        fn new(answers: &[&[IpAddr]]) -> Self {
            let answers: Vec<_> = answers.iter().map(|answer| answer.to_vec()).collect();
            Self(Arc::new(Mutex::new(answers.into_iter())))
        }

        /// How many answers nobody has asked for.
        fn left(&self) -> usize {
            self.0.lock().unwrap().len()
        }
    }

    const PRIVATE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    /// From a range that nobody has: no connection to it ever succeeds.
    const PUBLIC: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2f00, 0, 0, 0, 0, 0, 0, 1));

    /// Sends a request to a name that has these addresses one after another, as long as there are any; whether each was
    /// refused for them. It may lead to nobody on this side.
    async fn refused(answers: &[&[IpAddr]]) -> Vec<bool> {
        let this_side = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let names = ChangingNames::new(answers);
        let outbound = Outbound::resolving_with(names.clone()).unwrap();
        let url = format!("http://changing.example:{}/", this_side.local_addr().unwrap().port());
        let mut refused = Vec::new();
        for answer in answers {
            let left = names.left();
            // Nobody answers at a public one.
            let timeout = Duration::from_millis(if answer.contains(&PUBLIC) { 300 } else { 10_000 });
            let sent = outbound.send("plugin", "app", get(&url, timeout)).await;
            refused.push(match sent.unwrap_err() {
                OutboundError::NotPublic { host } => host == "changing.example",
                OutboundError::Transport(_) => false,
                error => panic!("{error}"),
            });
            assert_eq!(names.left(), left - 1, "it is connected to what was looked at, and no name looked up again");
        }
        let connected = tokio::time::timeout(Duration::from_millis(50), this_side.accept()).await;
        assert!(connected.is_err(), "a connection came to this side");
        refused
    }

    /// Whoever rebinds a name hopes that the first answer is looked at and the second one connected to.
    #[tokio::test]
    async fn a_name_that_is_public_when_it_is_looked_at_is_not_private_when_it_is_connected_to() {
        assert_eq!(refused(&[&[PUBLIC], &[PRIVATE]]).await, [false, true]);
    }

    #[tokio::test]
    async fn a_name_that_leads_to_several_addresses_leads_to_none_of_this_side() {
        assert_eq!(refused(&[&[PRIVATE, PUBLIC], &[PUBLIC, PRIVATE], &[PRIVATE]]).await, [false, false, true]);
    }
}
