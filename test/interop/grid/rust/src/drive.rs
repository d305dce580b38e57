//! The driver: the cases of grid.md, each on a connection of its own.
use crate::conf_capnp::{callback, conf, counter};
use crate::serve::{new_counter, Callee};
use capnp::capability::{FromClientHook, Promise};
use capnp::{Error, ErrorKind};
use capnp_rpc::{rpc_twoparty_capnp::Side, twoparty::VatNetwork, Disconnector, RpcSystem};
use futures::future::LocalBoxFuture;
use futures::{AsyncReadExt, FutureExt};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use tokio_util::compat::TokioAsyncReadCompatExt;

type Done = Result<(), Error>;

struct Env {
    address: String,
    root: conf::Client,
    disconnector: RefCell<Option<Disconnector<Side>>>,
}

async fn connect(address: &str) -> Result<Env, Error> {
    let stream = tokio::net::TcpStream::connect(address)
        .await
        .map_err(|e| Error::failed(e.to_string()))?;
    let _ = stream.set_nodelay(true);
    let (reader, writer) = stream.compat().split();
    let network = VatNetwork::new(reader, writer, Side::Client, Default::default());
    let mut rpc = RpcSystem::new(Box::new(network), None);
    let root = rpc.bootstrap(Side::Server);
    let disconnector = RefCell::new(Some(rpc.get_disconnector()));

    tokio::task::spawn_local(rpc);
    Ok(Env {
        address: address.into(),
        root,
        disconnector,
    })
}

fn want(is: bool, what: impl std::fmt::Display) -> Done {
    if is {
        Ok(())
    } else {
        Err(Error::failed(what.to_string()))
    }
}

/// A counter of the driver's own that remembers what it was called with.
struct Recorder(Rc<RefCell<Vec<u64>>>);

impl counter::Server for Recorder {
    async fn inc(self: Rc<Self>, p: counter::IncParams, mut r: counter::IncResults) -> Done {
        let by = p.get()?.get_by();
        self.0.borrow_mut().push(by);
        r.get().set_value(by);
        Ok(())
    }

    async fn get(self: Rc<Self>, _: counter::GetParams, _: counter::GetResults) -> Done {
        Ok(())
    }
}

struct Squares;

impl callback::Server for Squares {
    async fn call(self: Rc<Self>, p: callback::CallParams, mut r: callback::CallResults) -> Done {
        let i = u64::from(p.get()?.get_i());
        r.get().set_v(i * i);
        Ok(())
    }
}

fn inc(c: &counter::Client, by: u64) -> Promise<u64, Error> {
    let mut q = c.inc_request();
    q.get().set_by(by);
    let sent = q.send().promise;
    Promise::from_future(async move { Ok(sent.await?.get()?.get_value()) })
}

fn make_counter(root: &conf::Client, start: u64) -> counter::Client {
    let mut q = root.make_counter_request();
    q.get().set_start(start);
    q.send().pipeline.get_c()
}

/// n calls at once; what they return is looked at.
async fn order(c: &counter::Client, first: u64, n: u64) -> Done {
    let sent: Vec<_> = (0..n).map(|_| inc(c, 1)).collect();

    for (i, value) in (1..).zip(sent) {
        let value = value.await?;
        want(value == first + i, format!("call {i} returned {value}"))?;
    }
    Ok(())
}

async fn null(e: Rc<Env>) -> Done {
    e.root.null_request().send().promise.await?;
    Ok(())
}

async fn add(e: Rc<Env>) -> Done {
    let mut q = e.root.add_request();
    q.get().set_a(i32::MAX);
    q.get().set_b(i32::MAX);
    want(
        q.send().promise.await?.get()?.get_sum() == 4294967294,
        "another sum",
    )
}

async fn echo(e: Rc<Env>) -> Done {
    let x: Vec<u8> = (0..100_000u32).map(|i| i as u8).collect();
    let mut q = e.root.echo_request();
    q.get().set_x(&x);
    want(
        q.send().promise.await?.get()?.get_x()? == &x[..],
        "something else came back",
    )
}

async fn get_self(e: Rc<Env>) -> Done {
    let me = e.root.get_self_request().send().pipeline.get_cap();
    me.null_request().send().promise.await?;
    Ok(())
}

async fn counter_alone(e: Rc<Env>) -> Done {
    let mut q = e.root.make_counter_request();
    q.get().set_start(5);
    let c = q.send().promise.await?.get()?.get_c()?;
    want(inc(&c, 3).await? == 8, "not 8")?;
    want(
        c.get_request().send().promise.await?.get()?.get_value() == 8,
        "get is not 8",
    )
}

async fn pipeline(e: Rc<Env>) -> Done {
    want(inc(&make_counter(&e.root, 41), 1).await? == 42, "not 42")
}

async fn pipeline_100(e: Rc<Env>) -> Done {
    order(&make_counter(&e.root, 0), 0, 100).await
}

async fn derived(e: Rc<Env>) -> Done {
    let mut q = e.root.get_derived_request();
    q.get().set_name("d");
    let d = q.send().pipeline.get_d();
    let answer = d.name_request().send().promise.await?;
    want(answer.get()?.get_name()? == "d", "another name")?;
    want(inc(&d.cast_to::<counter::Client>(), 4).await? == 4, "not 4")
}

type Echoed = LocalBoxFuture<'static, Result<counter::Client, Error>>;

/// Sends an own counter there: what it has seen, the promise of its return, and what has returned.
fn echo_own(e: &Env, delay_ms: u32) -> (Rc<RefCell<Vec<u64>>>, counter::Client, Echoed) {
    let seen = Rc::new(RefCell::new(vec![]));
    let own: counter::Client = capnp_rpc::new_client(Recorder(seen.clone()));

    if delay_ms == 0 {
        let mut q = e.root.echo_cap_request();
        q.get().set_cap(own);
        let sent = q.send();
        return (
            seen,
            sent.pipeline.get_cap(),
            async { sent.promise.await?.get()?.get_cap() }.boxed_local(),
        );
    }
    let mut q = e.root.echo_cap_later_request();
    q.get().set_cap(own);
    q.get().set_delay_ms(delay_ms);
    let sent = q.send();
    (
        seen,
        sent.pipeline.get_cap(),
        async { sent.promise.await?.get()?.get_cap() }.boxed_local(),
    )
}

async fn own_comes_home(e: Rc<Env>) -> Done {
    let (seen, _, home) = echo_own(&e, 0);
    inc(&home.await?, 0).await?;
    let calls = seen.borrow().len();
    want(calls == 1, "it was not called")
}

/// Calls before and after the reference has come home; the object must see them in order.
async fn embargo(e: Rc<Env>, delay_ms: u32) -> Done {
    let (seen, early, home) = echo_own(&e, delay_ms);
    let mut sent: Vec<_> = (0..50).map(|i| inc(&early, i)).collect();

    home.await?;
    sent.extend((50..100).map(|i| inc(&early, i)));
    futures::future::try_join_all(sent).await?;
    let seen = seen.take();
    want(
        seen == (0..100).collect::<Vec<u64>>(),
        format!("arrived as {seen:?}"),
    )
}

async fn call_back(e: Rc<Env>) -> Done {
    let mut q = e.root.call_back_request();
    q.get().set_cb(capnp_rpc::new_client(Squares));
    q.get().set_n(10);
    want(
        q.send().promise.await?.get()?.get_sum() == 285,
        "another sum",
    )
}

async fn hold(e: Rc<Env>) -> Done {
    let mut q = e.root.hold_request();
    q.get().set_cap(make_counter(&e.root, 7));
    q.send().promise.await?;
    let held = e.root.get_held_request().send().pipeline.get_cap();
    want(inc(&held, 1).await? == 8, "not 8")?;
    e.root.drop_held_request().send().promise.await?;
    Ok(())
}

async fn is_null(e: Rc<Env>) -> Done {
    want(
        e.root
            .is_null_request()
            .send()
            .promise
            .await?
            .get()?
            .get_null(),
        "nothing is something",
    )
}

async fn promise(e: Rc<Env>) -> Done {
    let mut q = e.root.get_promise_cap_request();
    q.get().set_delay_ms(50);
    let c = q.send().promise.await?.get()?.get_c()?;
    order(&c, 100, 50).await?;
    order(&c, 150, 50).await
}

async fn broken(e: Rc<Env>) -> Done {
    let mut q = e.root.get_broken_promise_request();
    q.get().set_delay_ms(50);
    q.get().set_reason("broken on purpose");
    let c = q.send().promise.await?.get()?.get_c()?;
    match inc(&c, 1).await {
        Ok(_) => want(false, "a broken promise answers"),
        Err(x) => want(x.extra.contains("broken on purpose"), x.extra),
    }
}

async fn tail(e: Rc<Env>) -> Done {
    let mut q = e.root.tail_request();
    q.get().set_callee(capnp_rpc::new_client(Callee));
    q.get().set_i(3);
    want(q.send().promise.await?.get()?.get_i() == 4, "not 4")
}

async fn fail(e: Rc<Env>, kind: u16) -> Done {
    const KINDS: [ErrorKind; 4] = [
        ErrorKind::Failed,
        ErrorKind::Overloaded,
        ErrorKind::Disconnected,
        ErrorKind::Unimplemented,
    ];
    let mut q = e.root.fail_request();
    q.get().set_type(kind);
    q.get().set_reason("on purpose");
    match q.send().promise.await {
        Ok(_) => want(false, "it succeeds"),
        Err(x) => want(
            x.kind == KINDS[usize::from(kind)] && x.extra.contains("on purpose"),
            x,
        ),
    }
}

async fn cancel_count(e: &Env) -> Result<u32, Error> {
    Ok(e.root
        .cancel_count_request()
        .send()
        .promise
        .await?
        .get()?
        .get_n())
}

async fn cancel(e: Rc<Env>) -> Done {
    let before = cancel_count(&e).await?;
    let hanging = e.root.hang_request().send();
    null(e.clone()).await?;
    drop(hanging);
    while cancel_count(&e).await? != before + 1 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

async fn stream(e: Rc<Env>) -> Done {
    let c = e.root.fresh_request().send().pipeline.get_c();
    for _ in 0..100 {
        let mut q = c.write_request();
        q.get().set_chunk(&[0; 1000]);
        q.send().await?;
    }
    let answer = c.finish_stream_request().send().promise.await?;
    let found = answer.get()?;
    want(
        found.get_bytes() == 100_000 && found.get_calls() == 100,
        "not all of it arrived",
    )
}

async fn sum_all(e: Rc<Env>) -> Done {
    let mut q = e.root.sum_all_request();
    let mut list = q.get().init_caps(2);
    list.set(0, make_counter(&e.root, 5).client.hook);
    list.set(1, new_counter(6, false).client.hook);
    want(q.send().promise.await?.get()?.get_sum() == 11, "not 11")
}

async fn live(e: &Env) -> Result<u32, Error> {
    Ok(e.root
        .live_counters_request()
        .send()
        .promise
        .await?
        .get()?
        .get_n())
}

async fn release(e: Rc<Env>) -> Done {
    let mut before = live(&e).await?;
    for _ in 0..100 {
        // what the cases before held
        if before == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        before = live(&e).await?;
    }
    let c = make_counter(&e.root, 1);
    inc(&c, 1).await?;
    want(live(&e).await? == before + 1, "it is not counted")?;
    drop(c);
    while live(&e).await? != before {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

async fn two(e: Rc<Env>) -> Done {
    let other = connect(&e.address).await?;
    let (a, b) = (make_counter(&e.root, 10), make_counter(&other.root, 20));
    want(inc(&a, 1).await? == 11 && inc(&b, 1).await? == 21, "mixed")
}

async fn disconnect(e: Rc<Env>) -> Done {
    let c = make_counter(&e.root, 1);
    inc(&c, 1).await?;
    let gone = e.disconnector.borrow_mut().take().expect("once");
    gone.await?;
    want(
        inc(&c, 1).await.is_err(),
        "a call without a connection succeeds",
    )
}

type Case = (&'static str, fn(Rc<Env>) -> LocalBoxFuture<'static, Done>);

macro_rules! case {
    ($name:literal, $run:ident $(, $more:expr)*) => {
        ($name, |e| $run(e $(, $more)*).boxed_local())
    };
}

const CASES: &[Case] = &[
    case!("null", null),
    case!("add", add),
    case!("echo-100k", echo),
    case!("get-self", get_self),
    case!("make-counter-inc-get", counter_alone),
    case!("pipeline-on-a-result", pipeline),
    case!("pipeline-100-calls-in-order", pipeline_100),
    case!("derived-own-and-inherited-methods", derived),
    case!("echo-cap-own-comes-home", own_comes_home),
    case!("embargo-order-without-delay", embargo, 0),
    case!("embargo-order-after-a-delay", embargo, 50),
    case!("call-back", call_back),
    case!("hold-and-get-held", hold),
    case!("is-null", is_null),
    case!("promise-cap-keeps-order-across-its-resolution", promise),
    case!("broken-promise-fails-the-calls-made-before", broken),
    case!("tail-call", tail),
    case!("fail-failed", fail, 0),
    case!("fail-overloaded", fail, 1),
    case!("fail-disconnected", fail, 2),
    case!("fail-unimplemented", fail, 3),
    case!("cancel-of-a-hanging-call", cancel),
    case!("stream-write-and-finish", stream),
    case!("sum-all", sum_all),
    case!("release-reaches-zero", release),
    case!("two-connections-do-not-mix", two),
    case!("disconnect-breaks-the-references", disconnect),
];

/// Runs all of them; returns how many failed.
pub async fn drive(address: &str, only: &[String]) -> u32 {
    let mut failed = 0;

    for (name, run) in CASES {
        if !only.is_empty() && !only.iter().any(|o| o == name) {
            continue;
        }
        let attempt = async { run(Rc::new(connect(address).await?)).await };
        let said = match tokio::time::timeout(Duration::from_secs(20), attempt).await {
            Ok(Ok(())) => None,
            Ok(Err(e)) => Some(e.to_string()),
            Err(_) => Some("no end".into()),
        };
        match said {
            None => println!("ok {name}"),
            Some(why) => {
                failed += 1;
                println!("not ok {name} - {}", why.replace('\n', " "));
            }
        }
    }
    failed
}
