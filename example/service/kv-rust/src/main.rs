//! kv in Rust, with capnp-rpc alone: it knows nothing of an instance. A connector puts it behind one
//! (doc/service-authors.md). See ../kv/kv.capnp for what it does, ../kv/kv.c for the same in C.
//!
//! Usage: kv unix:PATH FILE        serves at a socket, keeps values in FILE; says "ready" first
capnp::generated_code!(pub mod kv_capnp);

use capnp::{serialize, Error};
use capnp_rpc::{rpc_twoparty_capnp::Side, twoparty::VatNetwork, RpcSystem};
use futures::channel::oneshot;
use futures::AsyncReadExt;
use kv_capnp::{kv, sink, table, watch, watcher};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Write;
use std::rc::Rc;
use std::time::Duration;
use tokio_util::compat::TokioAsyncReadCompatExt;

const KEYS: usize = 256;
const KEY_BYTES: usize = 64;
const VALUE_BYTES: usize = 64 * 1024;
const ALL_BYTES: usize = 1024 * 1024;
const UNANSWERED: u32 = 64;

struct Value {
    text: String,
    /// A number of its own; 0: it is kept for good.
    temporary: u64,
}

struct Told {
    prefix: String,
    watcher: watcher::Client,
    unanswered: u32,
}

/// What all connections share.
struct Store {
    path: String,
    values: BTreeMap<String, Value>,
    waits: Vec<(String, oneshot::Sender<String>)>,
    watches: BTreeMap<u64, Told>,
    last: u64,
}

type Shared = Rc<RefCell<Store>>;

fn io(e: std::io::Error) -> Error {
    Error::failed(e.to_string())
}

impl Store {
    fn load(&mut self) -> Result<(), Error> {
        let bytes = match std::fs::read(&self.path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            other => other.map_err(io)?,
        };
        let message = serialize::read_message(&mut &bytes[..], Default::default())?;

        for e in message.get_root::<table::Reader>()?.get_entries()? {
            let text = e.get_value()?.to_string()?;
            let value = Value { text, temporary: 0 };
            self.values.insert(e.get_key()?.to_string()?, value);
        }
        Ok(())
    }

    /// A new file, brought to the disk, in the old one's place.
    fn save(&self) -> Result<(), Error> {
        let mut message = capnp::message::Builder::new_default();
        let kept: Vec<_> = self
            .values
            .iter()
            .filter(|(_, v)| v.temporary == 0)
            .collect();
        let mut list = message
            .init_root::<table::Builder>()
            .init_entries(kept.len() as u32);
        for (i, (key, value)) in kept.iter().enumerate() {
            let mut e = list.reborrow().get(i as u32);
            e.set_key(key.as_str());
            e.set_value(value.text.as_str());
        }

        let new = format!("{}.new", self.path);
        let mut file = std::fs::File::create(&new).map_err(io)?;
        file.write_all(&serialize::write_message_to_words(&message))
            .map_err(io)?;
        file.sync_all().map_err(io)?;
        std::fs::rename(&new, &self.path).map_err(io)
    }

    fn changed(&mut self, shared: &Shared, key: &str, text: &str) {
        for (wanted, sender) in std::mem::take(&mut self.waits) {
            if wanted == key {
                let _ = sender.send(text.into()); // or nobody waits any more
            } else if !sender.is_canceled() {
                self.waits.push((wanted, sender));
            }
        }
        for (id, told) in &mut self.watches {
            if !key.starts_with(&told.prefix) || told.unanswered == UNANSWERED {
                continue;
            }
            let mut request = told.watcher.changed_request();
            request.get().set_key(key);
            request.get().set_value(text);
            told.unanswered += 1;
            let (answer, shared, id) = (request.send().promise, shared.clone(), *id);
            tokio::task::spawn_local(async move {
                if answer.await.is_ok() {
                    if let Some(told) = shared.borrow_mut().watches.get_mut(&id) {
                        told.unanswered -= 1;
                    }
                }
            });
        }
    }
}

fn set(shared: &Shared, key: String, text: String, keep_ms: u32) -> Result<(), Error> {
    let mut s = shared.borrow_mut();
    let rest: usize = s
        .values
        .iter()
        .map(|(k, v)| if *k == key { 0 } else { v.text.len() })
        .sum();

    if key.is_empty()
        || key.len() > KEY_BYTES
        || text.len() > VALUE_BYTES
        || rest + text.len() > ALL_BYTES
        || (!s.values.contains_key(&key) && s.values.len() == KEYS)
    {
        return Err(Error::overloaded("too long, or too many".into()));
    }
    s.values.remove(&key);
    if !text.is_empty() {
        s.last += u64::from(keep_ms > 0);
        let temporary = if keep_ms > 0 { s.last } else { 0 };
        let value = text.clone();
        s.values.insert(
            key.clone(),
            Value {
                text: value,
                temporary,
            },
        );
        if temporary > 0 {
            let (shared, key) = (shared.clone(), key.clone());
            tokio::task::spawn_local(async move {
                tokio::time::sleep(Duration::from_millis(keep_ms.into())).await;
                let still = shared.borrow().values.get(&key).map(|v| v.temporary);
                if still == Some(temporary) {
                    let _ = set(&shared, key, String::new(), 0);
                }
            });
        }
    }
    s.save()?;
    s.changed(shared, &key, &text);
    Ok(())
}

/// Told until its last reference is let go of.
struct Watch(Shared, u64);

impl watch::Server for Watch {}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.borrow_mut().watches.remove(&self.1);
    }
}

struct Sink(Shared, String, RefCell<String>);

impl sink::Server for Sink {
    async fn write(self: Rc<Self>, p: sink::WriteParams) -> Result<(), Error> {
        let part = p.get()?.get_part()?.to_str()?;
        let mut value = self.2.borrow_mut();

        if part.len() > VALUE_BYTES - value.len() {
            return Err(Error::overloaded("a value has 64 KiB at most".into()));
        }
        value.push_str(part);
        Ok(())
    }

    async fn done(
        self: Rc<Self>,
        _: sink::DoneParams,
        mut r: sink::DoneResults,
    ) -> Result<(), Error> {
        let value = self.2.borrow().clone();

        r.get().set_length(value.len() as u32);
        set(&self.0, self.1.clone(), value, 0)
    }
}

struct Kv(Shared);

impl kv::Server for Kv {
    async fn get(self: Rc<Self>, p: kv::GetParams, mut r: kv::GetResults) -> Result<(), Error> {
        let key = p.get()?.get_key()?.to_str()?;

        match self.0.borrow().values.get(key) {
            None => Err(Error::failed("there is no such key".into())),
            Some(value) => {
                r.get().set_value(value.text.as_str());
                Ok(())
            }
        }
    }

    async fn set(self: Rc<Self>, p: kv::SetParams, _: kv::SetResults) -> Result<(), Error> {
        let p = p.get()?;

        set(
            &self.0,
            p.get_key()?.to_string()?,
            p.get_value()?.to_string()?,
            p.get_keep_ms(),
        )
    }

    async fn next(self: Rc<Self>, p: kv::NextParams, mut r: kv::NextResults) -> Result<(), Error> {
        let (sender, receiver) = oneshot::channel();
        let key = p.get()?.get_key()?.to_string()?;
        let wait = Duration::from_millis(p.get()?.get_wait_ms().into());

        self.0.borrow_mut().waits.push((key, sender));
        match tokio::time::timeout(wait, receiver).await {
            Ok(Ok(text)) => {
                r.get().set_value(text.as_str());
                Ok(())
            }
            _ => Err(Error::overloaded("the key was not set in time".into())),
        }
    }

    async fn watch(
        self: Rc<Self>,
        p: kv::WatchParams,
        mut r: kv::WatchResults,
    ) -> Result<(), Error> {
        let prefix = p.get()?.get_prefix()?.to_string()?;
        let watcher = p.get()?.get_watcher()?;
        let mut s = self.0.borrow_mut();

        s.last += 1;
        let id = s.last;
        s.watches.insert(
            id,
            Told {
                prefix,
                watcher,
                unanswered: 0,
            },
        );
        r.get()
            .set_watch(capnp_rpc::new_client(Watch(self.0.clone(), id)));
        Ok(())
    }

    async fn upload(
        self: Rc<Self>,
        p: kv::UploadParams,
        mut r: kv::UploadResults,
    ) -> Result<(), Error> {
        let key = p.get()?.get_key()?.to_string()?;

        r.get().set_sink(capnp_rpc::new_client(Sink(
            self.0.clone(),
            key,
            RefCell::default(),
        )));
        Ok(())
    }
}

async fn serve(path: &str, file: &str) -> Result<(), Error> {
    let mut store = Store {
        path: file.into(),
        values: BTreeMap::new(),
        waits: Vec::new(),
        watches: BTreeMap::new(),
        last: 0,
    };
    store.load()?;
    let listener = tokio::net::UnixListener::bind(path).map_err(io)?;
    let root: kv::Client = capnp_rpc::new_client(Kv(Rc::new(RefCell::new(store))));

    println!("ready");
    loop {
        let (stream, _) = listener.accept().await.map_err(io)?;
        let (reader, writer) = stream.compat().split();
        let network = VatNetwork::new(reader, writer, Side::Server, Default::default());
        let rpc = RpcSystem::new(Box::new(network), Some(root.clone().client));
        tokio::task::spawn_local(rpc);
    }
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let (Some(path), Some(file)) = (
        args.get(1).and_then(|a| a.strip_prefix("unix:")),
        args.get(2),
    ) else {
        eprintln!("usage: kv unix:PATH FILE");
        std::process::exit(2);
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");

    tokio::task::LocalSet::new()
        .block_on(&runtime, serve(path, file))
        .expect("it serves");
}
