//! `wechat.proxy`: calls of WeChat go through it, and nothing else does.

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use weft::{
    secret::Secret,
    simulator::wechat::{Fault, Wechat},
};
use weft_wechat::api::media::{MediaFile, MediaType};

use super::{APPID, SECRET, Shop, USER_INFO};

const MP4: &[u8] = b"\x00\x00\x00\x18ftypmp42 a film";

/// A proxy that hands everything to one server, and tells the heads of the requests that reach it.
async fn proxy_to(server: String) -> (String, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (heads, told) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let (server, heads) = (server.clone(), heads.clone());
            tokio::spawn(async move {
                let mut head = vec![0; 16 << 10];
                let read = client.read(&mut head).await.unwrap();
                head.truncate(read);
                heads.send(String::from_utf8_lossy(&head).into_owned()).unwrap();
                let mut upstream = TcpStream::connect(&server).await.unwrap();
                upstream.write_all(&head).await.unwrap();
                tokio::io::copy_bidirectional(&mut client, &mut upstream).await.ok();
            });
        }
    });
    (address, told)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_of_wechat_go_through_the_proxy() {
    let wechat = Wechat::start().await.unwrap();
    wechat.add_account(APPID, SECRET);
    wechat.follow(APPID, "oU");
    let (proxy, mut heads) = proxy_to(wechat.base.trim_start_matches("http://").to_owned()).await;
    // Only the proxy knows where that is.
    let shop = Shop::with(|config| {
        config.wechat.api_base = "http://wechat.invalid".to_owned();
        config.wechat.proxy = Some(Secret::new(format!("http://weft:hunter2@{proxy}")));
    })
    .await;
    let response = shop.get(&format!("{USER_INFO}?openid=oU")).await;
    assert_eq!(response.json::<Value>().await.unwrap()["openid"], "oU");
    let head = heads.recv().await.unwrap();
    assert!(head.starts_with("POST http://wechat.invalid/cgi-bin/stable_token "), "{head}");
    assert!(head.to_ascii_lowercase().contains("proxy-authorization: basic "), "{head}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_wechat_names_by_an_address_come_through_the_proxy() {
    let wechat = Wechat::start().await.unwrap();
    wechat.add_account(APPID, SECRET);
    let (proxy, mut heads) = proxy_to(wechat.base.trim_start_matches("http://").to_owned()).await;
    let shop = Shop::with(|config| {
        config.wechat.api_base = "http://wechat.invalid".to_owned();
        config.wechat.proxy = Some(Secret::new(format!("http://{proxy}")));
    })
    .await;
    // Another host than the API's, which only the proxy knows.
    let film = MediaFile { content_type: "video/mp4".into(), filename: Some("v.mp4".into()), bytes: MP4.into() };
    let media_id = wechat.add_media(APPID, MediaType::Video, film);
    let video = json!({"video_url": format!("http://videos.invalid/files/{media_id}")});
    wechat.fault("/cgi-bin/media/get", Fault::Text(video.to_string()), 1);
    let response = shop.app.api_response(&format!("/apps/shop/media/{media_id}")).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.bytes().await.unwrap(), MP4);
    let heads: Vec<_> = std::iter::from_fn(|| heads.try_recv().ok()).collect();
    assert!(heads.iter().any(|head| head.starts_with("GET http://videos.invalid/files/")), "{heads:?}");

    // The proxy is not asked for what is not in the internet.
    wechat.fault("/cgi-bin/media/get", Fault::Text(json!({"video_url": "http://10.0.0.1/"}).to_string()), 1);
    assert_eq!(shop.app.api_response(&format!("/apps/shop/media/{media_id}")).await.status(), 502);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_is_not_there_is_told_without_its_password() {
    let shop = Shop::with(|config| config.wechat.proxy = Some(Secret::new("http://weft:hunter2@127.0.0.1:1"))).await;
    let response = shop.get(USER_INFO).await;
    assert_eq!(response.status(), 502);
    let problem = response.text().await.unwrap();
    assert!(problem.contains("cannot be reached") && !problem.contains("hunter2"), "{problem}");
    assert!(!format!("{:?} {:?}", shop.app.state.wechat, shop.app.state.config).contains("hunter2"));
}
