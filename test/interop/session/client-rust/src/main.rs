//! session-client: logs in to an instance and does what every client must be able to do, with the
//! Rust implementation of Cap'n Proto and nothing of ours but schema/.
//!
//! The steps, their names and the output are those of ../client-cpp/session-client.c++.
//!
//! Usage: session-client HOST:PORT [--user NAME --password PW] [--guest] [--hold HOST:PORT]

use capnp::capability::FromClientHook;
use capnp::traits::HasTypeId;
use capnp_rpc::{rpc_twoparty_capnp::Side, twoparty::VatNetwork, RpcSystem};
use futures::AsyncReadExt;
use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;
use tokio_util::compat::TokioAsyncReadCompatExt;

mod generated;
use generated::{
    chat_capnp, command_capnp, remote_session_capnp, remote_ui_capnp, system_info_capnp,
    user_session_capnp,
};

use chat_capnp::{chat, chat_listener, chat_membership};
use remote_session_capnp::{
    remote_auth_flow, remote_cap_set, remote_session, remote_session_gateway, RemoteAuthKind,
    RemoteAuthState,
};
use system_info_capnp::system_info;
use user_session_capnp::user_session;

type Outcome<T> = Result<T, String>;

const WAIT: Duration = Duration::from_secs(10);

macro_rules! check {
    ($condition:expr) => {
        if !$condition {
            return Err(format!("line {}: {}", line!(), stringify!($condition)));
        }
    };
}

struct Options {
    address: String,
    hold: Option<String>,
    user: String,
    password: String,
    guest: bool,
}

fn said(e: capnp::Error) -> String {
    format!("{:?} {}", e.kind, e.extra)
}

/// Waits for a call's outcome, but not for ever.
async fn wait<T, F: Future<Output = Result<T, capnp::Error>>>(call: F) -> Outcome<T> {
    match tokio::time::timeout(WAIT, call).await {
        Ok(r) => r.map_err(said),
        Err(_) => Err("nothing came within ten seconds".into()),
    }
}

/// The code an exception begins with, whatever the libraries on the way put before it.
fn code(text: &str) -> &str {
    let mut text = text;
    while let Some(rest) = text.strip_prefix("remote exception: ") {
        text = rest;
    }
    text.split([' ', ':']).next().unwrap_or("")
}

/// The call must be refused with this code; another outcome is a failure.
async fn refused<T, F>(call: F, expected: &str) -> Outcome<()>
where
    F: Future<Output = Result<T, capnp::Error>>,
{
    match tokio::time::timeout(WAIT, call).await {
        Err(_) => Err(format!("expected {expected}, but nothing came")),
        Ok(Ok(_)) => Err(format!("expected {expected}, but it worked")),
        Ok(Err(e)) if e.kind == capnp::ErrorKind::Failed && code(&e.extra) == expected => Ok(()),
        Ok(Err(e)) => Err(format!("expected {expected}, got {}", said(e))),
    }
}

// ---- logging in ---------------------------------------------------------------------------------

async fn connect(address: &str) -> Outcome<remote_session_gateway::Client> {
    let stream = tokio::net::TcpStream::connect(address).await.map_err(|e| e.to_string())?;
    stream.set_nodelay(true).map_err(|e| e.to_string())?;
    let (reader, writer) = stream.compat().split();
    let network = VatNetwork::new(
        futures::io::BufReader::new(reader),
        futures::io::BufWriter::new(writer),
        Side::Client,
        Default::default(),
    );
    let mut system = RpcSystem::new(Box::new(network), None);
    let gateway = system.bootstrap(Side::Server);
    tokio::task::spawn_local(system);
    Ok(gateway)
}

async fn login_anonymous(
    gateway: &remote_session_gateway::Client,
) -> Outcome<remote_session::Client> {
    let r = wait(gateway.anonymous_request().send().promise).await?;
    r.get().and_then(|r| r.get_session()).map_err(said)
}

fn flow_start(
    gateway: &remote_session_gateway::Client,
    kind: RemoteAuthKind,
    account: &str,
) -> remote_auth_flow::Client {
    let mut start = gateway.start_request();
    let mut request = start.get().init_request();
    request.set_kind(kind);
    request.reborrow().init_selector().set_account(account);
    request.init_source().set_client("session-client (Rust)");
    start.send().pipeline.get_flow()
}

fn answer(
    flow: &remote_auth_flow::Client,
    response: &str,
) -> capnp::capability::RemotePromise<remote_auth_flow::next_results::Owned> {
    let mut next = flow.next_request();
    next.get().set_response(response.as_bytes());
    next.send()
}

async fn login_password(
    o: &Options,
    gateway: &remote_session_gateway::Client,
) -> Outcome<remote_session::Client> {
    let flow = flow_start(gateway, RemoteAuthKind::Password, &o.user);
    let r = wait(answer(&flow, &o.password).promise).await?;
    let r = r.get().map_err(said)?;
    check!(r.get_done());
    r.get_session().map_err(said)
}

async fn cap_set(session: &remote_session::Client) -> Outcome<remote_cap_set::Client> {
    let r = wait(session.cap_set_request().send().promise).await?;
    r.get().and_then(|r| r.get_caps()).map_err(said)
}

fn get_later(
    caps: &remote_cap_set::Client,
    name: &str,
    interface: u64,
) -> capnp::capability::RemotePromise<remote_cap_set::get_results::Owned> {
    let mut get = caps.get_request();
    get.get().set_name(name);
    get.get().set_expected_interface_id(interface);
    get.send()
}

async fn get<C: FromClientHook + HasTypeId>(caps: &remote_cap_set::Client, name: &str) -> Outcome<C> {
    let r = wait(get_later(caps, name, C::TYPE_ID).promise).await?;
    let cap = r.get().map_err(said)?.get_cap();
    cap.get_as_capability::<C>().map_err(said)
}

async fn listed(caps: &remote_cap_set::Client, name: &str, interface: u64) -> Outcome<bool> {
    let r = wait(caps.list_request().send().promise).await?;
    for e in r.get().and_then(|r| r.get_entries()).map_err(said)?.iter() {
        if e.get_name().map_err(said)? == name {
            check!(e.get_interface_id() == interface);
            check!(e.get_lease_expires_at_ms() != 0);
            let policy = e.get_transfer_policy().map_err(said)?;
            check!(policy == "session" || policy == "services");
            return Ok(true);
        }
    }
    Ok(false)
}

async fn motd(info: &system_info::Client) -> Outcome<String> {
    let r = wait(info.motd_request().send().promise).await?;
    let text = r.get().and_then(|r| r.get_text()).map_err(said)?;
    text.to_string().map_err(|e| e.to_string())
}

/// (kind, account, id) of a session.
async fn who(session: &remote_session::Client) -> Outcome<(String, String, String)> {
    let r = wait(session.info_request().send().promise).await?;
    let info = r.get().and_then(|r| r.get_info()).map_err(said)?;
    let text = |t: capnp::Result<capnp::text::Reader>| -> Outcome<String> {
        t.map_err(said)?.to_string().map_err(|e| e.to_string())
    };
    check!(info.get_expires_at_ms() > info.get_started_at_ms());
    Ok((text(info.get_kind())?, text(info.get_account())?, text(info.get_id())?))
}

// ---- the steps ----------------------------------------------------------------------------------

async fn step_auth_methods(o: Rc<Options>) -> Outcome<()> {
    let gateway = connect(&o.address).await?;
    let r = wait(gateway.auth_methods_request().send().promise).await?;
    let methods = r.get().and_then(|r| r.get_methods()).map_err(said)?;
    let mut seen = 0;

    check!(methods.len() == 9);
    for m in methods.iter() {
        let kind = m.get_kind().map_err(|e| e.to_string())?;
        let enabled = m.get_state().map_err(|e| e.to_string())? == RemoteAuthState::Enabled;
        let expected = match kind {
            RemoteAuthKind::Password | RemoteAuthKind::PublicKey | RemoteAuthKind::Anonymous => true,
            RemoteAuthKind::Guest => o.guest,
            _ => false,
        };
        seen |= 1 << kind as u16;
        check!(!m.get_label().map_err(said)?.is_empty());
        check!(enabled == expected);
        check!(enabled == m.get_reason().map_err(said)?.is_empty());
    }
    check!(seen == 0x1ff);
    Ok(())
}

async fn step_disabled_method(o: Rc<Options>) -> Outcome<()> {
    let gateway = connect(&o.address).await?;
    for kind in [
        RemoteAuthKind::OidcDeviceCode,
        RemoteAuthKind::OidcAuthorizationCodePkce,
        RemoteAuthKind::Passkey,
        RemoteAuthKind::MtlsClientCert,
        RemoteAuthKind::ServiceCredential,
    ] {
        let mut start = gateway.start_request();
        start.get().init_request().set_kind(kind);
        refused(start.send().promise, "denied.method-disabled").await?;
    }
    if !o.guest {
        refused(gateway.guest_request().send().promise, "denied.method-disabled").await?;
    }
    Ok(())
}

async fn step_anonymous(o: Rc<Options>) -> Outcome<()> {
    let gateway = connect(&o.address).await?;
    let session = login_anonymous(&gateway).await?;
    let (kind, account, id) = who(&session).await?;
    let caps = cap_set(&session).await?;

    check!(kind == "anonymous" && account.is_empty() && !id.is_empty());
    check!(listed(&caps, "session", user_session::Client::TYPE_ID).await?);
    check!(listed(&caps, "system_info", system_info::Client::TYPE_ID).await?);
    check!(!listed(&caps, "chat", chat::Client::TYPE_ID).await?);
    check!(!motd(&get(&caps, "system_info").await?).await?.is_empty());

    let own: user_session::Client = get(&caps, "session").await?;
    let again = wait(own.info_request().send().promise).await?;
    let again = again.get().and_then(|r| r.get_info()).map_err(said)?;
    check!(again.get_id().map_err(said)? == id.as_str());
    refused(gateway.anonymous_request().send().promise, "denied.already-bound").await
}

async fn step_guest(o: Rc<Options>) -> Outcome<()> {
    let gateway = connect(&o.address).await?;
    let r = wait(gateway.guest_request().send().promise).await?;
    let session = r.get().and_then(|r| r.get_session()).map_err(said)?;
    let caps = cap_set(&session).await?;

    check!(who(&session).await?.0 == "guest");
    check!(listed(&caps, "system_info", system_info::Client::TYPE_ID).await?);
    check!(!motd(&get(&caps, "system_info").await?).await?.is_empty());
    Ok(())
}

async fn step_password(o: Rc<Options>) -> Outcome<()> {
    let gateway = connect(&o.address).await?;
    let session = login_password(&o, &gateway).await?;
    let (kind, account, _) = who(&session).await?;
    let caps = cap_set(&session).await?;

    check!(kind == "password" && account == o.user);
    check!(listed(&caps, "chat", chat::Client::TYPE_ID).await?);
    check!(!motd(&get(&caps, "system_info").await?).await?.is_empty());
    Ok(())
}

async fn step_wrong_password(o: Rc<Options>) -> Outcome<()> {
    let gateway = connect(&o.address).await?;
    let wrong = flow_start(&gateway, RemoteAuthKind::Password, &o.user);
    let nobody = flow_start(&gateway, RemoteAuthKind::Password, "nobody-of-that-name");

    refused(answer(&wrong, "not the password").promise, "denied.credentials").await?;
    refused(answer(&nobody, &o.password).promise, "denied.credentials").await?;
    refused(answer(&wrong, &o.password).promise, "denied.flow").await
}

async fn step_refused(o: Rc<Options>) -> Outcome<()> {
    let gateway = connect(&o.address).await?;
    let caps = cap_set(&login_anonymous(&gateway).await?).await?;
    let (info, talk) = (system_info::Client::TYPE_ID, chat::Client::TYPE_ID);

    refused(get_later(&caps, "no-such-thing", info).promise, "denied.unknown-name").await?;
    refused(get_later(&caps, "chat", talk).promise, "denied.unknown-name").await?;
    refused(get_later(&caps, "system_info", talk).promise, "denied.wrong-interface").await?;
    check!(!motd(&get(&caps, "system_info").await?).await?.is_empty());
    Ok(())
}

/// Keeps what it is told: (label, text).
struct Listener {
    said: Rc<RefCell<Vec<(String, String)>>>,
}

impl chat_listener::Server for Listener {
    async fn event(
        self: Rc<Self>,
        params: chat_listener::EventParams,
        _results: chat_listener::EventResults,
    ) -> Result<(), capnp::Error> {
        let event = params.get()?.get_event()?;
        let label = event.get_label()?.to_string()?;

        if let Ok(chat_capnp::chat_event::Said(text)) = event.which() {
            if !event.get_history() {
                self.said.borrow_mut().push((label, text?.to_string()?));
            }
        }
        Ok(())
    }
}

/// (membership, label) of a channel, and what its listener will hear.
async fn join(
    talk: &chat::Client,
    channel: &str,
    said_here: Rc<RefCell<Vec<(String, String)>>>,
) -> Outcome<(chat_membership::Client, String)> {
    let mut r = talk.join_request();
    r.get().set_channel(channel);
    r.get().set_listener(capnp_rpc::new_client(Listener { said: said_here }));
    let r = wait(r.send().promise).await?;
    let r = r.get().map_err(said)?;
    let label = r.get_label().map_err(said)?.to_string().map_err(|e| e.to_string())?;
    Ok((r.get_membership().map_err(said)?, label))
}

async fn step_chat(o: Rc<Options>) -> Outcome<()> {
    let (one, two) = (connect(&o.address).await?, connect(&o.address).await?);
    let here = Rc::new(RefCell::new(Vec::new()));
    let caps_one = cap_set(&login_password(&o, &one).await?).await?;
    let caps_two = cap_set(&login_password(&o, &two).await?).await?;
    let (first, label_one) = join(&get(&caps_one, "chat").await?, "#rust", here.clone()).await?;
    let (second, label_two) =
        join(&get(&caps_two, "chat").await?, "#rust", Default::default()).await?;

    check!(label_one != label_two);
    for i in 0..3 {
        let mut send = second.send_request();
        send.get().set_text(format!("word {i}"));
        wait(send.send().promise).await?;
    }
    for _ in 0..500 {
        if here.borrow().len() >= 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let expected: Vec<_> = (0..3).map(|i| (label_two.clone(), format!("word {i}"))).collect();
    check!(*here.borrow() == expected);
    let members = wait(first.members_request().send().promise).await?;
    check!(members.get().and_then(|r| r.get_labels()).map_err(said)?.len() == 2);
    Ok(())
}

async fn step_logout(o: Rc<Options>) -> Outcome<()> {
    const STALE: &str = "denied.stale-session";
    let gateway = connect(&o.address).await?;
    let session = login_password(&o, &gateway).await?;
    let caps = cap_set(&session).await?;
    let own: user_session::Client = get(&caps, "session").await?;
    let info: system_info::Client = get(&caps, "system_info").await?;
    let talk: chat::Client = get(&caps, "chat").await?;
    let (member, _) = join(&talk, "#bye", Default::default()).await?;

    wait(session.logout_request().send().promise).await?;
    refused(session.info_request().send().promise, STALE).await?;
    refused(session.cap_set_request().send().promise, STALE).await?;
    refused(session.logout_request().send().promise, STALE).await?;
    refused(caps.list_request().send().promise, STALE).await?;
    let again = get_later(&caps, "system_info", system_info::Client::TYPE_ID);
    refused(again.promise, STALE).await?;
    refused(own.info_request().send().promise, STALE).await?;
    refused(info.motd_request().send().promise, STALE).await?;
    refused(talk.channels_request().send().promise, STALE).await?;
    refused(member.members_request().send().promise, STALE).await?;
    refused(gateway.anonymous_request().send().promise, STALE).await
}

async fn step_pipelined(o: Rc<Options>) -> Outcome<()> {
    let gateway = connect(o.hold.as_ref().unwrap_or(&o.address)).await?;
    let login = gateway.anonymous_request().send();
    let caps = login.pipeline.get_session().cap_set_request().send();
    let got = get_later(
        &caps.pipeline.get_caps(),
        "system_info",
        system_info::Client::TYPE_ID,
    );
    let info: system_info::Client = FromClientHook::new(got.pipeline.get_cap().as_cap());

    check!(!motd(&info).await?.is_empty());
    Ok(())
}

// ---- running them -------------------------------------------------------------------------------

fn options_parse() -> Option<Options> {
    let mut o = Options {
        address: String::new(),
        hold: None,
        user: String::new(),
        password: String::new(),
        guest: false,
    };
    let mut arguments = std::env::args().skip(1);

    while let Some(a) = arguments.next() {
        match a.as_str() {
            "--guest" => o.guest = true,
            "--user" => o.user = arguments.next()?,
            "--password" => o.password = arguments.next()?,
            "--hold" => o.hold = Some(arguments.next()?),
            _ if a.starts_with('-') || !o.address.is_empty() => return None,
            _ => o.address = a,
        }
    }
    (!o.address.is_empty() && o.user.is_empty() == o.password.is_empty()).then_some(o)
}

/// Runs one step in a task of its own, so that a panic is one failed step.
async fn step_run<F>(name: &str, step: F) -> bool
where
    F: Future<Output = Outcome<()>> + 'static,
{
    let why = match tokio::task::spawn_local(step).await {
        Ok(Ok(())) => {
            println!("ok {name}");
            return true;
        }
        Ok(Err(why)) => why,
        Err(e) => e.to_string(),
    };
    println!("not ok {name} - {why}");
    false
}

async fn steps_run(o: Rc<Options>) -> bool {
    let mut results = vec![
        step_run("auth-methods", step_auth_methods(o.clone())).await,
        step_run("disabled-method", step_disabled_method(o.clone())).await,
        step_run("anonymous", step_anonymous(o.clone())).await,
        step_run("refused", step_refused(o.clone())).await,
        step_run("pipelined", step_pipelined(o.clone())).await,
    ];

    if o.guest {
        results.push(step_run("guest", step_guest(o.clone())).await);
    }
    if !o.user.is_empty() {
        results.push(step_run("password", step_password(o.clone())).await);
        results.push(step_run("wrong-password", step_wrong_password(o.clone())).await);
        results.push(step_run("chat", step_chat(o.clone())).await);
        results.push(step_run("logout", step_logout(o.clone())).await);
    }
    let passed = results.iter().filter(|r| **r).count();
    println!("{} passed, {} failed", passed, results.len() - passed);
    passed == results.len()
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let Some(o) = options_parse() else {
        eprintln!("usage: session-client ADDRESS [--user NAME --password PW] [--guest] [--hold ADDRESS]");
        std::process::exit(2);
    };
    let good = tokio::task::LocalSet::new().run_until(steps_run(Rc::new(o))).await;
    std::process::exit(if good { 0 } else { 1 });
}
