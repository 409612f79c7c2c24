//! From a request to its answer: recorded, spoilt if planned, with the account that its token stands for.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Request, State as Extract},
    http::{Method, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};

use super::{
    Call, Shared, State,
    account::{Account, Answered, INVALID_MEDIA_ID, No, Reply},
    asked::Asked,
    autoreply, blacklist, control, drafts, faults, mass_messages, materials, media, menus, messages, publishing,
    qrcode, quota, shorten, tags, template_messages, templates, tickets, tokens, users,
};

type Handler = fn(&mut Account, &Asked, u64) -> Answered;

/// Every call that wants an access token.
const CALLS: &[(Method, &str, Handler)] = &[
    (Method::POST, "/cgi-bin/draft/add", drafts::add),
    (Method::POST, "/cgi-bin/draft/batchget", drafts::batchget),
    (Method::GET, "/cgi-bin/draft/count", |account, _, _| Ok(drafts::count(account))),
    (Method::POST, "/cgi-bin/draft/delete", drafts::delete),
    (Method::POST, "/cgi-bin/draft/get", drafts::get),
    (Method::POST, "/cgi-bin/draft/switch", |_, _, _| Ok(drafts::switch())),
    (Method::POST, "/cgi-bin/draft/update", drafts::update),
    (Method::POST, "/cgi-bin/freepublish/batchget", publishing::batchget),
    (Method::POST, "/cgi-bin/freepublish/delete", publishing::delete),
    (Method::POST, "/cgi-bin/freepublish/get", publishing::get),
    (Method::POST, "/cgi-bin/freepublish/getarticle", publishing::get_article),
    (Method::POST, "/cgi-bin/freepublish/submit", publishing::submit),
    (Method::GET, "/cgi-bin/get_current_autoreply_info", |account, _, _| Ok(autoreply::get(account))),
    (Method::GET, "/cgi-bin/get_current_selfmenu_info", |account, _, _| Ok(menus::current(account))),
    (Method::POST, "/cgi-bin/clear_quota", quota::clear),
    (Method::GET, "/cgi-bin/media/get", media::get),
    (Method::POST, "/cgi-bin/material/add_material", materials::add),
    (Method::POST, "/cgi-bin/material/add_news", |_, _, _| Err(WITHDRAWN)),
    (Method::POST, "/cgi-bin/material/batchget_material", materials::batchget),
    (Method::POST, "/cgi-bin/material/del_material", materials::delete),
    (Method::POST, "/cgi-bin/material/get_material", materials::get),
    (Method::GET, "/cgi-bin/material/get_materialcount", |account, _, _| Ok(materials::count(account))),
    (Method::POST, "/cgi-bin/material/update_news", |_, _, _| Err(WITHDRAWN)),
    (Method::POST, "/cgi-bin/media/upload", media::upload),
    (Method::POST, "/cgi-bin/media/uploadimg", media::upload_image),
    (Method::POST, "/cgi-bin/menu/addconditional", menus::add_conditional),
    (Method::POST, "/cgi-bin/menu/create", menus::create),
    (Method::POST, "/cgi-bin/menu/delconditional", menus::delete_conditional),
    (Method::GET, "/cgi-bin/menu/delete", |account, _, _| Ok(menus::delete(account))),
    (Method::GET, "/cgi-bin/menu/get", menus::get),
    (Method::POST, "/cgi-bin/message/custom/send", messages::send),
    (Method::POST, "/cgi-bin/message/custom/typing", messages::typing),
    (Method::POST, "/cgi-bin/qrcode/create", qrcode::create),
    (Method::POST, "/cgi-bin/shorten/fetch", shorten::fetch),
    (Method::POST, "/cgi-bin/shorten/gen", shorten::generate),
    (Method::POST, "/cgi-bin/openapi/quota/get", quota::get),
    (Method::POST, "/cgi-bin/openapi/rid/get", quota::rid),
    (Method::POST, "/cgi-bin/tags/create", tags::create),
    (Method::POST, "/cgi-bin/tags/delete", tags::delete),
    (Method::GET, "/cgi-bin/tags/get", |account, _, _| Ok(tags::get(account))),
    (Method::POST, "/cgi-bin/tags/members/batchblacklist", blacklist::add),
    (Method::POST, "/cgi-bin/tags/members/batchtagging", tags::batchtagging),
    (Method::POST, "/cgi-bin/tags/members/batchunblacklist", blacklist::remove),
    (Method::POST, "/cgi-bin/tags/members/batchuntagging", tags::batchuntagging),
    (Method::POST, "/cgi-bin/tags/members/getblacklist", |account, asked, _| Ok(blacklist::get(account, asked))),
    (Method::POST, "/cgi-bin/tags/update", tags::update),
    (Method::GET, "/cgi-bin/user/get", users::get),
    (Method::GET, "/cgi-bin/ticket/getticket", tickets::get),
    (Method::GET, "/cgi-bin/user/info", users::info),
    (Method::POST, "/cgi-bin/user/info/batchget", users::batchget),
    (Method::POST, "/cgi-bin/user/info/updateremark", users::update_remark),
    (Method::POST, "/cgi-bin/user/tag/get", tags::users),
    (Method::POST, "/cgi-bin/media/uploadvideo", mass_messages::upload_video),
    (Method::POST, "/cgi-bin/message/mass/delete", mass_messages::delete),
    (Method::POST, "/cgi-bin/message/mass/get", mass_messages::get),
    (Method::POST, "/cgi-bin/message/mass/preview", mass_messages::preview),
    (Method::POST, "/cgi-bin/message/mass/send", mass_messages::send),
    (Method::POST, "/cgi-bin/message/mass/sendall", mass_messages::sendall),
    (Method::POST, "/cgi-bin/message/mass/speed/get", |account, _, _| Ok(mass_messages::speed(account))),
    (Method::POST, "/cgi-bin/message/mass/speed/set", mass_messages::set_speed),
    (Method::POST, "/cgi-bin/message/subscribe/bizsend", template_messages::bizsend),
    (Method::POST, "/cgi-bin/message/subscribe/send", template_messages::subscribe_send),
    (Method::POST, "/cgi-bin/message/template/send", template_messages::send),
    (Method::POST, "/cgi-bin/message/template/subscribe", template_messages::one_time),
    (Method::POST, "/cgi-bin/template/api_add_template", templates::add_private),
    (Method::POST, "/cgi-bin/template/api_set_industry", templates::set_industry),
    (Method::POST, "/cgi-bin/template/del_private_template", templates::delete_private),
    (Method::GET, "/cgi-bin/template/get_all_private_template", |account, _, _| Ok(templates::all_private(account))),
    (Method::GET, "/cgi-bin/template/get_industry", |account, _, _| Ok(templates::industries(account))),
    (Method::POST, "/wxaapi/newtmpl/addtemplate", templates::add_subscribe),
    (Method::POST, "/wxaapi/newtmpl/deltemplate", templates::delete_subscribe),
    (Method::GET, "/wxaapi/newtmpl/gettemplate", |account, _, _| Ok(templates::all_subscribe(account))),
];

/// Drafts have taken the place of such calls.
const WITHDRAWN: No = No(45106, "This API has been unsupported");

/// Where files are that need no token.
const FILES: &str = "/files/";

pub(super) fn all(shared: Arc<Shared>) -> Router {
    let steering = control::routes(Arc::clone(&shared));
    Router::new().fallback(answer).layer(DefaultBodyLimit::disable()).with_state(shared).merge(steering)
}

async fn answer(Extract(shared): Extract<Arc<Shared>>, request: Request) -> Response {
    let asked = Asked::read(request).await;
    let now = shared.clock.now();
    let (fault, right) = {
        let mut state = shared.state();
        let appid = appid(&state, &asked);
        let (path, query, body) = (asked.path.clone(), asked.visible_query(), asked.visible_body());
        state.calls.push(Call { path, appid: appid.clone(), query, body });
        let fault = faults::next(&mut state, &asked.path);
        let carried_out = fault.as_ref().is_none_or(faults::Fault::lets_through);
        let right = carried_out.then(|| carry_out(&mut state, &asked, appid.clone(), now).map_err(No::json));
        let account = appid.and_then(|appid| state.accounts.get_mut(&appid));
        if let (Some(Err(no)), Some(account)) = (&right, account) {
            account.quotas.remember(no, &asked, now);
        }
        (fault, right)
    };
    let right = right.map(|answered| match answered {
        Ok(Reply::Json(json)) => ([(CONTENT_TYPE, "text/plain")], json.to_string()).into_response(),
        Ok(Reply::File { content_type, filename, bytes }) => {
            let disposition = format!("attachment; filename=\"{filename}\"");
            ([("content-type", content_type), ("content-disposition", disposition)], bytes).into_response()
        }
        Err(no) => Json(no).into_response(),
    });
    match fault {
        Some(fault) => fault.spoil(right).await,
        None => right.unwrap_or_default(),
    }
}

/// Whose call it is.
fn appid(state: &State, asked: &Asked) -> Option<String> {
    let token = asked.parameter("access_token");
    let own = [asked.parameter("appid"), asked.text("appid")];
    let known = |(appid, account): &(&String, &Account)| {
        account.tokens.knows(token) || token.is_empty() && own.contains(&appid.as_str())
    };
    state.accounts.iter().find(known).map(|(appid, _)| appid.clone())
}

/// Whether there is such a call.
pub(super) fn is_known(path: &str) -> bool {
    CALLS.iter().any(|(_, known, _)| *known == path)
}

fn carry_out(state: &mut State, asked: &Asked, appid: Option<String>, now: u64) -> Answered {
    let names_another = appid.as_deref() != Some(asked.text("appid"));
    let account = appid.and_then(|appid| state.accounts.get_mut(&appid));
    match (&asked.method, asked.path.as_str()) {
        (&Method::GET, "/cgi-bin/token") => return tokens::classic(account, asked, now),
        (&Method::POST, "/cgi-bin/stable_token") => return tokens::stable(account, asked, now),
        _ => {}
    }
    if let Some(id) = asked.path.strip_prefix(FILES) {
        return state.accounts.values().find_map(|account| media::file(account, id)).ok_or(INVALID_MEDIA_ID);
    }
    let Some((_, _, handle)) = CALLS.iter().find(|(_, path, _)| *path == asked.path) else {
        return Err(No(40066, "invalid url"));
    };
    if !CALLS.iter().any(|(method, path, _)| *path == asked.path && *method == asked.method) {
        return Err(if asked.method == Method::GET {
            No(43002, "require POST method")
        } else {
            No(43001, "require GET method")
        });
    }
    let token = asked.parameter("access_token");
    if token.is_empty() {
        return Err(No(41001, "access_token missing"));
    }
    let account = account.ok_or(tokens::INVALID)?;
    account.tokens.check(token, now)?;
    if asked.path == "/cgi-bin/clear_quota" && names_another {
        return Err(No(40013, "invalid appid"));
    }
    account.quotas.take(&asked.path, now)?;
    handle(account, asked, now)
}
