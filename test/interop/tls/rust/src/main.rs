//! tls-client in Rust: one login over rustls or a Unix socket, with the Rust implementation of Cap'n
//! Proto and nothing of ours but schema/ and doc/protocol/admission.md.
//!
//! Usage: tls-client ADDRESS CERTIFICATE METHOD ACCOUNT SECRET        (tls-run.py says what is what)

use base64::Engine;
use capnp::capability::FromClientHook;
use capnp::traits::HasTypeId;
use capnp_rpc::{rpc_twoparty_capnp::Side, twoparty::VatNetwork, RpcSystem};
use futures::{AsyncRead, AsyncReadExt, AsyncWrite};
use rustls::pki_types::{pem::PemObject, CertificateDer, ServerName};
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::compat::TokioAsyncReadCompatExt;

mod generated;
use generated::{
    command_capnp, remote_session_capnp, remote_ui_capnp, system_info_capnp, user_session_capnp,
};

use remote_session_capnp::{
    remote_auth_flow, remote_session, remote_session_gateway, RemoteAuthKind,
    RemoteChannelBinding,
};
use system_info_capnp::system_info;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const WAIT: Duration = Duration::from_secs(60);

struct Options {
    address: String,
    certificate: String,
    method: String,
    account: String,
    secret: String,
}

/// What a proof says about the connection: fields 2, 3 and 8 of the transcript.
struct Channel {
    transport: &'static str,
    binding: Vec<u8>,
    key_hash: Vec<u8>,
}

// ---- a connection -------------------------------------------------------------------------------

fn bootstrap<S: AsyncRead + AsyncWrite + 'static>(stream: S) -> remote_session_gateway::Client {
    let (reader, writer) = stream.split();
    let network = VatNetwork::new(
        futures::io::BufReader::new(reader),
        futures::io::BufWriter::new(writer),
        Side::Client,
        Default::default(),
    );
    let mut system = RpcSystem::new(Box::new(network), None);
    let gateway = system.bootstrap(Side::Server);
    tokio::task::spawn_local(system);
    gateway
}

async fn connect(o: &Options) -> Outcome<(remote_session_gateway::Client, Channel)> {
    let (kind, place) = o.address.split_once(':').ok_or("an address without a transport")?;
    if kind == "unix" {
        let stream = tokio::net::UnixStream::connect(place).await?;
        let channel = Channel { transport: "unix", binding: vec![], key_hash: vec![] };
        return Ok((bootstrap(stream.compat()), channel));
    }

    let mut trusted = rustls::RootCertStore::empty();
    trusted.add(CertificateDer::from_pem_file(&o.certificate)?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(trusted)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"capnp-rpc".to_vec()];

    let tcp = tokio::net::TcpStream::connect(place).await?;
    tcp.set_nodelay(true)?;
    let stream = tokio_rustls::TlsConnector::from(Arc::new(config))
        .connect(ServerName::try_from("localhost")?, tcp)
        .await?;
    let session = stream.get_ref().1;
    let exporter =
        session.export_keying_material([0u8; 32], b"EXPORTER-Channel-Binding", None)?;
    let leaf = session.peer_certificates().and_then(|c| c.first()).ok_or("no certificate")?;
    let channel = Channel {
        transport: "tls",
        binding: exporter.to_vec(),
        key_hash: key_hash(leaf)?,
    };
    Ok((bootstrap(stream.compat()), channel))
}

// ---- what is signed -----------------------------------------------------------------------------

/// The element at the start of some DER: (all of it, its content, what follows).
fn der(bytes: &[u8]) -> Outcome<(&[u8], &[u8], &[u8])> {
    let short = *bytes.get(1).ok_or("short DER")? as usize;
    let more = if short < 0x80 { 0 } else { short & 0x7f };
    let head = 2 + more;
    let len = if more == 0 {
        short
    } else {
        bytes.get(2..head).ok_or("short DER")?.iter().fold(0, |n, b| n << 8 | *b as usize)
    };
    let all = bytes.get(..head + len).ok_or("short DER")?;
    Ok((all, &all[head..], &bytes[head + len..]))
}

/// SHA-256 of a certificate's SubjectPublicKeyInfo: after [0] version, serial, algorithm, issuer,
/// validity and subject.
fn key_hash(certificate: &[u8]) -> Outcome<Vec<u8>> {
    let (_, content, _) = der(certificate)?;
    let (_, mut rest, _) = der(content)?;
    if rest.first() == Some(&0xa0) {
        rest = der(rest)?.2;
    }
    for _ in 0..5 {
        rest = der(rest)?.2;
    }
    let digest = ring::digest::digest(&ring::digest::SHA256, der(rest)?.0);
    Ok(digest.as_ref().to_vec())
}

fn transcript(c: &Channel, nonce: &[u8], account: &str) -> Vec<u8> {
    let mut t = Vec::new();
    let label: &[u8] = b"capos admission proof 1";
    let fields = [label, c.transport.as_bytes(), &c.binding, nonce, b"", account.as_bytes(), b"",
                  &c.key_hash];
    for field in fields {
        t.extend_from_slice(&(field.len() as u32).to_be_bytes());
        t.extend_from_slice(field);
    }
    t
}

/// What `ssh-keygen -Y sign` makes of some bytes, without its armour.
fn signature(key: &str, bytes: &[u8]) -> Outcome<Vec<u8>> {
    let mut sign = Command::new("ssh-keygen")
        .args(["-Y", "sign", "-f", key, "-n", "login@capos"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    sign.stdin.take().ok_or("no pipe")?.write_all(bytes)?;
    let armour = String::from_utf8(sign.wait_with_output()?.stdout)?;
    let body: String = armour.lines().filter(|l| !l.starts_with('-')).collect();
    Ok(base64::engine::general_purpose::STANDARD.decode(body)?)
}

async fn proof(o: &Options, c: &mut Channel, flow: &remote_auth_flow::Client) -> Outcome<Vec<u8>> {
    let asked = flow.next_request().send().promise.await?;
    let mut nonce = asked.get()?.get_step()?.get_challenge()?.to_vec();
    if o.method.starts_with("tls-key") {
        c.transport = "tls-key";
        c.binding.clear();
    }
    if o.method.ends_with("-other") {
        let field = [&mut c.binding, &mut c.key_hash, &mut nonce].into_iter().find(|f| !f.is_empty());
        field.ok_or("nothing to spoil")?[0] ^= 1;
    }
    signature(&o.secret, &transcript(c, &nonce, &o.account))
}

// ---- a login ------------------------------------------------------------------------------------

async fn login(o: &Options) -> Outcome<remote_session::Client> {
    let (gateway, mut channel) = connect(o).await?;
    let password = o.method == "password";
    let mut start = gateway.start_request();
    let mut request = start.get().init_request();
    request.set_kind(if password { RemoteAuthKind::Password } else { RemoteAuthKind::PublicKey });
    if o.method.starts_with("tls-key") {
        request.set_binding(RemoteChannelBinding::ServerKey);
    }
    request.init_selector().set_account(&o.account[..]);
    let flow = start.send().pipeline.get_flow();

    let response = if password {
        o.secret.clone().into_bytes()
    } else {
        proof(o, &mut channel, &flow).await?
    };
    let mut next = flow.next_request();
    next.get().set_response(&response);
    let done = next.send().promise.await?;
    Ok(done.get()?.get_session()?)
}

/// Says whose session it is, and what a capability of it answers.
async fn describe(session: remote_session::Client) -> Outcome<String> {
    let mut get = session.cap_set_request().send().pipeline.get_caps().get_request();
    get.get().set_name("system_info");
    get.get().set_expected_interface_id(system_info::Client::TYPE_ID);
    let got: system_info::Client =
        FromClientHook::new(get.send().pipeline.get_cap().as_cap());
    let motd = got.motd_request().send().promise;
    let info = session.info_request().send().promise.await?;
    let info = info.get()?.get_info()?;
    let motd = motd.await?;
    Ok(format!(
        "{} {} {}",
        info.get_account()?.to_str()?,
        info.get_kind()?.to_str()?,
        motd.get()?.get_text()?.to_str()?
    ))
}

async fn run(o: Options) -> Outcome<String> {
    describe(login(&o).await?).await
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Ok([address, certificate, method, account, secret]) = <[String; 5]>::try_from(words) else {
        eprintln!("usage: tls-client ADDRESS CERTIFICATE METHOD ACCOUNT SECRET");
        std::process::exit(2);
    };
    let o = Options { address, certificate, method, account, secret };
    let all = tokio::task::LocalSet::new();
    match all.run_until(tokio::time::timeout(WAIT, run(o))).await {
        Ok(Ok(said)) => println!("{said}"),
        Ok(Err(why)) => {
            println!("{why}");
            std::process::exit(1);
        }
        Err(_) => {
            println!("nothing came");
            std::process::exit(1);
        }
    }
}
