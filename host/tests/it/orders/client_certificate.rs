//! The certificate with which a merchant of v2 shows who it is, to a server that lets nobody in without one.

use std::{
    net::SocketAddr,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use reqwest::Method;
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use weft::clock::Clock;

use super::{API_KEY, CERTIFICATE, PRIVATE_KEY, merchants::MERCHANTS};
use crate::support::{
    client,
    process::Process,
    till::{self, MCH_ID},
};

const AUTHORITY: &str = include_str!("tls/ca.pem");
const CLIENT: &str = include_str!("tls/client.pem");
const CLIENT_KEY: &str = include_str!("tls/client_key.pem");

/// Stands before `gateway`: TLS, and nobody without a certificate of [`AUTHORITY`]. Gives the port, and counts whom it
/// lets in.
async fn guard(gateway: SocketAddr) -> (u16, Arc<AtomicUsize>) {
    drop(rustls::crypto::ring::default_provider().install_default());
    let certificate = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate(AUTHORITY)).unwrap();
    let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("tls/server_key.pem")).unwrap();
    let own = vec![certificate(include_str!("tls/server.pem"))];
    let config = ServerConfig::builder().with_client_cert_verifier(verifier).with_single_cert(own, key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let let_in = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&let_in);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (acceptor, counted) = (acceptor.clone(), Arc::clone(&counted));
            tokio::spawn(async move {
                // Who has no certificate does not come further.
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                counted.fetch_add(1, Relaxed);
                let mut behind = TcpStream::connect(gateway).await.unwrap();
                drop(tokio::io::copy_bidirectional(&mut stream, &mut behind).await);
            });
        }
    });
    (port, let_in)
}

/// A call of the admin API of a process.
async fn api(process: &Process, token: &str, path: &str, body: Value) -> (u16, Value) {
    let client = client();
    let url = format!("{}/api/v1{path}", process.base);
    let response = client.request(Method::POST, url).bearer_auth(token).json(&body).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn red_packets_go_only_to_a_server_that_has_seen_the_merchants_certificate() {
    let pay = till::gateway("v2", "wx1", Clock::system()).await;
    let gateway = pay.base.trim_start_matches("http://").parse().unwrap();
    let (port, let_in) = guard(gateway).await;
    let base = format!("https://localhost:{port}");
    let folder = tempfile::tempdir().unwrap();
    let (data, plugins) = (folder.path().join("data"), folder.path().join("plugins"));
    let authority = folder.path().join("ca.pem");
    std::fs::write(&authority, AUTHORITY).unwrap();
    std::fs::create_dir_all(&plugins).unwrap();
    // The roots that it trusts are the system's; here that is this one.
    let settings = [("WEFT_PAY__API_BASE", &*base), ("SSL_CERT_FILE", authority.to_str().unwrap())];
    let process = tokio::task::block_in_place(|| Process::serve_with(&data, &plugins, &settings));
    let created = tokio::task::block_in_place(|| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weft"));
        command.args(["token", "create", "--name", "test", "--json"]).env_clear();
        command.env("WEFT_DATA_DIR", &data).env("WEFT_SECRET_KEY", crate::support::SECRET_KEY).output().unwrap()
    });
    let created: Value = serde_json::from_slice(&created.stdout).unwrap();
    let token = created["token"].as_str().unwrap();
    let app = json!({"name": "shop", "type": "service", "appid": "wx1"});
    assert_eq!(api(&process, token, "/apps", app).await.0, 201);
    for (name, certificate, key) in
        [("known", Some(CLIENT), CLIENT_KEY), ("other", Some(CERTIFICATE), PRIVATE_KEY), ("none", None, CLIENT_KEY)]
    {
        let mut merchant = json!({
            "name": name, "mch_id": MCH_ID, "api_version": "v2", "sign_type": "HMAC-SHA256", "api_key": API_KEY,
        });
        if let Some(certificate) = certificate {
            (merchant["client_cert"], merchant["client_key"]) = (certificate.into(), key.into());
        }
        let (status, created) = api(&process, token, MERCHANTS, merchant).await;
        assert_eq!(status, 201, "{created}");
    }
    let send = async |merchant: &str, number: &str| {
        let packet = json!({
            "mch_billno": number, "send_name": "天虹", "re_openid": "oTEST", "total_amount": 1000, "total_num": 1,
            "wishing": "新年快乐", "client_ip": "203.0.113.9", "act_name": "猜灯谜", "remark": "快来抢",
        });
        let path = format!("{MERCHANTS}/{merchant}/wechat/mmpaymkttransfers/sendredpack");
        api(&process, token, &path, packet).await
    };
    let (status, sent) = send("known", "B1").await;
    assert_eq!((status, &sent["result_code"]), (200, &json!("SUCCESS")), "{sent}");
    for number in ["B4", "B5", "B6", "B7", "B8"] {
        assert_eq!(send("known", number).await.0, 200);
    }
    let connections = let_in.load(Relaxed);
    assert!((1..6).contains(&connections), "{connections} for six calls: each has its own");
    let (status, problem) = send("other", "B2").await;
    assert!(status >= 500, "another authority's certificate: {status} {problem}");
    let (status, problem) = send("none", "B3").await;
    assert_eq!((status, &problem["type"]), (422, &json!("unable")), "{problem}");
    assert_eq!(pay.red_packets(MCH_ID), 6);
    // Where no certificate is shown, nobody is let in.
    let (status, problem) = api(&process, token, &format!("{MERCHANTS}/known/wechat/tools/shorturl"), json!({})).await;
    assert!(status >= 500, "{status} {problem}");

    let (_, report) = api(&process, token, &format!("{MERCHANTS}/known/check"), Value::Null).await;
    let step = report["steps"].as_array().unwrap().iter().find(|step| step["step"] == "client_certificate").unwrap();
    assert_eq!(step["outcome"], "ok", "{report}");
    let (_, report) = api(&process, token, &format!("{MERCHANTS}/other/check"), Value::Null).await;
    let step = report["steps"].as_array().unwrap().iter().find(|step| step["step"] == "client_certificate").unwrap();
    assert_eq!(step["outcome"], "failed", "{report}");
}
