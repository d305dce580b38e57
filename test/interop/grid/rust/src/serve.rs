//! The server: every interface of conf.capnp, on capnp-rpc.
use crate::conf_capnp::{callee, conf, counter, derived};
use capnp::{Error, ErrorKind};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

thread_local! {
    static LIVE: Cell<u32> = const { Cell::new(0) };
    static CANCELED: Cell<u32> = const { Cell::new(0) };
}

/// A Counter or, with a name, a Derived.
pub struct Counter {
    value: Cell<u64>,
    name: String,
    made: bool,
}

impl counter::Server for Counter {
    async fn inc(
        self: Rc<Self>,
        p: counter::IncParams,
        mut r: counter::IncResults,
    ) -> Result<(), Error> {
        self.value.set(self.value.get() + p.get()?.get_by());
        r.get().set_value(self.value.get());
        Ok(())
    }

    async fn get(
        self: Rc<Self>,
        _: counter::GetParams,
        mut r: counter::GetResults,
    ) -> Result<(), Error> {
        r.get().set_value(self.value.get());
        Ok(())
    }
}

impl derived::Server for Counter {
    async fn name(
        self: Rc<Self>,
        _: derived::NameParams,
        mut r: derived::NameResults,
    ) -> Result<(), Error> {
        r.get().set_name(&self.name);
        Ok(())
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        if self.made {
            LIVE.set(LIVE.get() - 1);
        }
    }
}

pub fn new_counter(start: u64, made: bool) -> counter::Client {
    if made {
        LIVE.set(LIVE.get() + 1);
    }
    capnp_rpc::new_client(Counter {
        value: Cell::new(start),
        name: String::new(),
        made,
    })
}

/// Counts a call that ends without having returned.
struct Canceled;

impl Drop for Canceled {
    fn drop(&mut self) {
        CANCELED.set(CANCELED.get() + 1);
    }
}

#[derive(Default)]
pub struct Conf {
    me: RefCell<Option<conf::Client>>,
    held: RefCell<Option<counter::Client>>,
    bytes: Cell<u64>,
    calls: Cell<u32>,
    poisoned: Cell<bool>,
}

pub fn new_conf() -> conf::Client {
    let server = Rc::new(Conf::default());
    let client: conf::Client = capnp_rpc::new_client_from_rc(server.clone());

    *server.me.borrow_mut() = Some(client.clone());
    client
}

async fn pause(ms: u32) {
    tokio::time::sleep(Duration::from_millis(ms.into())).await;
}

fn poison() -> Error {
    Error::failed("poison".into())
}

impl conf::Server for Conf {
    async fn null(self: Rc<Self>, _: conf::NullParams, _: conf::NullResults) -> Result<(), Error> {
        Ok(())
    }

    async fn add(self: Rc<Self>, p: conf::AddParams, mut r: conf::AddResults) -> Result<(), Error> {
        let p = p.get()?;
        r.get().set_sum(i64::from(p.get_a()) + i64::from(p.get_b()));
        Ok(())
    }

    async fn delayed_add(
        self: Rc<Self>,
        p: conf::DelayedAddParams,
        mut r: conf::DelayedAddResults,
    ) -> Result<(), Error> {
        let p = p.get()?;
        pause(p.get_delay_ms()).await;
        r.get().set_sum(i64::from(p.get_a()) + i64::from(p.get_b()));
        Ok(())
    }

    async fn echo(
        self: Rc<Self>,
        p: conf::EchoParams,
        mut r: conf::EchoResults,
    ) -> Result<(), Error> {
        r.get().set_x(p.get()?.get_x()?);
        Ok(())
    }

    async fn get_self(
        self: Rc<Self>,
        _: conf::GetSelfParams,
        mut r: conf::GetSelfResults,
    ) -> Result<(), Error> {
        r.get()
            .set_cap(self.me.borrow().clone().expect("made by new_conf"));
        Ok(())
    }

    async fn make_counter(
        self: Rc<Self>,
        p: conf::MakeCounterParams,
        mut r: conf::MakeCounterResults,
    ) -> Result<(), Error> {
        r.get().set_c(new_counter(p.get()?.get_start(), true));
        Ok(())
    }

    async fn live_counters(
        self: Rc<Self>,
        _: conf::LiveCountersParams,
        mut r: conf::LiveCountersResults,
    ) -> Result<(), Error> {
        r.get().set_n(LIVE.get());
        Ok(())
    }

    async fn echo_cap(
        self: Rc<Self>,
        p: conf::EchoCapParams,
        mut r: conf::EchoCapResults,
    ) -> Result<(), Error> {
        if p.get()?.has_cap() {
            r.get().set_cap(p.get()?.get_cap()?);
        }
        Ok(())
    }

    async fn echo_cap_later(
        self: Rc<Self>,
        p: conf::EchoCapLaterParams,
        mut r: conf::EchoCapLaterResults,
    ) -> Result<(), Error> {
        pause(p.get()?.get_delay_ms()).await;
        if p.get()?.has_cap() {
            r.get().set_cap(p.get()?.get_cap()?);
        }
        Ok(())
    }

    async fn call_back(
        self: Rc<Self>,
        p: conf::CallBackParams,
        mut r: conf::CallBackResults,
    ) -> Result<(), Error> {
        let mut sum = 0;

        for i in 0..p.get()?.get_n() {
            let mut q = p.get()?.get_cb()?.call_request();
            q.get().set_i(i);
            sum += q.send().promise.await?.get()?.get_v();
        }
        r.get().set_sum(sum);
        Ok(())
    }

    async fn hold(self: Rc<Self>, p: conf::HoldParams, _: conf::HoldResults) -> Result<(), Error> {
        *self.held.borrow_mut() = Some(p.get()?.get_cap()?);
        Ok(())
    }

    async fn get_held(
        self: Rc<Self>,
        _: conf::GetHeldParams,
        mut r: conf::GetHeldResults,
    ) -> Result<(), Error> {
        if let Some(c) = self.held.borrow().clone() {
            r.get().set_cap(c);
        }
        Ok(())
    }

    async fn drop_held(
        self: Rc<Self>,
        _: conf::DropHeldParams,
        _: conf::DropHeldResults,
    ) -> Result<(), Error> {
        *self.held.borrow_mut() = None;
        Ok(())
    }

    async fn get_promise_cap(
        self: Rc<Self>,
        p: conf::GetPromiseCapParams,
        mut r: conf::GetPromiseCapResults,
    ) -> Result<(), Error> {
        let ms = p.get()?.get_delay_ms();

        r.get().set_c(capnp_rpc::new_future_client(async move {
            pause(ms).await;
            Ok(new_counter(100, true))
        }));
        Ok(())
    }

    async fn get_broken_promise(
        self: Rc<Self>,
        p: conf::GetBrokenPromiseParams,
        mut r: conf::GetBrokenPromiseResults,
    ) -> Result<(), Error> {
        let ms = p.get()?.get_delay_ms();
        let reason = p.get()?.get_reason()?.to_string()?;

        r.get().set_c(capnp_rpc::new_future_client(async move {
            pause(ms).await;
            Err(Error::failed(reason))
        }));
        Ok(())
    }

    /// There is no tail call to make in this API: it waits, and copies.
    async fn tail(
        self: Rc<Self>,
        p: conf::TailParams,
        mut r: conf::TailResults,
    ) -> Result<(), Error> {
        let mut q = p.get()?.get_callee()?.foo_request();
        q.get().set_i(p.get()?.get_i());
        let found = q.send().promise.await?;
        r.set(found.get()?)
    }

    async fn fail(self: Rc<Self>, p: conf::FailParams, _: conf::FailResults) -> Result<(), Error> {
        let kind = match p.get()?.get_type() {
            1 => ErrorKind::Overloaded,
            2 => ErrorKind::Disconnected,
            3 => ErrorKind::Unimplemented,
            _ => ErrorKind::Failed,
        };
        let mut e = Error::from_kind(kind);
        e.extra = p.get()?.get_reason()?.to_string()?;
        Err(e)
    }

    async fn hang(self: Rc<Self>, _: conf::HangParams, _: conf::HangResults) -> Result<(), Error> {
        let _canceled = Canceled;
        std::future::pending().await
    }

    async fn cancel_count(
        self: Rc<Self>,
        _: conf::CancelCountParams,
        mut r: conf::CancelCountResults,
    ) -> Result<(), Error> {
        r.get().set_n(CANCELED.get());
        Ok(())
    }

    async fn write(self: Rc<Self>, p: conf::WriteParams) -> Result<(), Error> {
        let chunk = p.get()?.get_chunk()?;

        if chunk.first() == Some(&0xff) {
            self.poisoned.set(true);
        }
        if self.poisoned.get() {
            return Err(poison());
        }
        self.bytes.set(self.bytes.get() + chunk.len() as u64);
        self.calls.set(self.calls.get() + 1);
        Ok(())
    }

    async fn finish_stream(
        self: Rc<Self>,
        _: conf::FinishStreamParams,
        mut r: conf::FinishStreamResults,
    ) -> Result<(), Error> {
        if self.poisoned.get() {
            return Err(poison());
        }
        r.get().set_bytes(self.bytes.replace(0));
        r.get().set_calls(self.calls.replace(0));
        Ok(())
    }

    async fn sum_all(
        self: Rc<Self>,
        p: conf::SumAllParams,
        mut r: conf::SumAllResults,
    ) -> Result<(), Error> {
        let mut sum = 0;

        for c in p.get()?.get_caps()?.iter().flatten() {
            sum += c.get_request().send().promise.await?.get()?.get_value();
        }
        r.get().set_sum(sum);
        Ok(())
    }

    async fn get_derived(
        self: Rc<Self>,
        p: conf::GetDerivedParams,
        mut r: conf::GetDerivedResults,
    ) -> Result<(), Error> {
        let name = p.get()?.get_name()?.to_string()?;
        r.get().set_d(capnp_rpc::new_client(Counter {
            value: Cell::new(0),
            name,
            made: false,
        }));
        Ok(())
    }

    async fn echo_any(
        self: Rc<Self>,
        p: conf::EchoAnyParams,
        mut r: conf::EchoAnyResults,
    ) -> Result<(), Error> {
        r.get().init_p().set_as(p.get()?.get_p())
    }

    async fn echo_payload(
        self: Rc<Self>,
        p: conf::EchoPayloadParams,
        mut r: conf::EchoPayloadResults,
    ) -> Result<(), Error> {
        r.get().set_p(p.get()?.get_p()?)
    }

    async fn is_null(
        self: Rc<Self>,
        p: conf::IsNullParams,
        mut r: conf::IsNullResults,
    ) -> Result<(), Error> {
        r.get().set_null(!p.get()?.has_cap());
        Ok(())
    }

    async fn fresh(
        self: Rc<Self>,
        _: conf::FreshParams,
        mut r: conf::FreshResults,
    ) -> Result<(), Error> {
        r.get().set_c(new_conf());
        Ok(())
    }
}

/// What the driver is called back on: foo(i) is i + 1, and a counter that stands at 9.
pub struct Callee;

impl callee::Server for Callee {
    async fn foo(
        self: Rc<Self>,
        p: callee::FooParams,
        mut r: callee::FooResults,
    ) -> Result<(), Error> {
        r.get().set_i(p.get()?.get_i() + 1);
        r.get().set_self(new_counter(9, false));
        Ok(())
    }
}
