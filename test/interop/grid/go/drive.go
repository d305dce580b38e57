// The driver: the cases of grid.md, each on a connection of its own.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"capnproto.org/go/capnp/v3"
	"capnproto.org/go/capnp/v3/exc"
	"capnproto.org/go/capnp/v3/rpc"
	"grid/conf"
)

const caseTime = 20 * time.Second

// env is what a case has.
type env struct {
	ctx  context.Context
	addr string
	conn *rpc.Conn
	root conf.Conf
}

func (e *env) connect() (*rpc.Conn, conf.Conf) {
	c, err := net.Dial("tcp", e.addr)
	must(err)
	conn := rpc.NewConn(rpc.NewStreamTransport(c), nil)
	return conn, conf.Conf(conn.Bootstrap(e.ctx))
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func want(ok bool, format string, args ...any) {
	if !ok {
		panic(fmt.Errorf(format, args...))
	}
}

// recorder is a counter of the driver's own that remembers what it was called with.
type recorder struct {
	counter
	seen []uint64
}

func (r *recorder) Inc(ctx context.Context, call conf.Counter_inc) error {
	r.mu.Lock()
	r.seen = append(r.seen, call.Args().By())
	r.mu.Unlock()
	return r.counter.Inc(ctx, call)
}

func (r *recorder) ordered(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	want(len(r.seen) == n, "%d calls arrived, not %d", len(r.seen), n)
	for i, v := range r.seen {
		want(v == uint64(i), "call %d arrived as number %d", v, i)
	}
}

func incTo(ctx context.Context, c conf.Counter, by uint64) (conf.Counter_inc_Results_Future, capnp.ReleaseFunc) {
	return c.Inc(ctx, func(p conf.Counter_inc_Params) error {
		p.SetBy(by)
		return nil
	})
}

func inc(ctx context.Context, c conf.Counter, by uint64) uint64 {
	f, release := incTo(ctx, c, by)
	defer release()
	r, err := f.Struct()
	must(err)
	return r.Value()
}

func makeCounter(e *env, root conf.Conf, start uint64) (conf.Counter, capnp.ReleaseFunc) {
	f, release := root.MakeCounter(e.ctx, func(p conf.Conf_makeCounter_Params) error {
		p.SetStart(start)
		return nil
	})
	return f.C(), release
}

// order makes n calls at once, and n after the first have returned, and looks at their values.
func order(ctx context.Context, c conf.Counter, first uint64, n int) {
	var futures []conf.Counter_inc_Results_Future
	for i := 0; i < n; i++ {
		f, release := incTo(ctx, c, 1)
		defer release()
		futures = append(futures, f)
	}
	for i, f := range futures {
		r, err := f.Struct()
		must(err)
		want(r.Value() == first+uint64(i)+1, "call %d returned %d", i, r.Value())
	}
}

func caseNull(e *env) {
	f, release := e.root.Null(e.ctx, nil)
	defer release()
	_, err := f.Struct()
	must(err)
}

func caseAdd(e *env) {
	f, release := e.root.Add(e.ctx, func(p conf.Conf_add_Params) error {
		p.SetA(2147483647)
		p.SetB(2147483647)
		return nil
	})
	defer release()
	r, err := f.Struct()
	must(err)
	want(r.Sum() == 4294967294, "sum %d", r.Sum())
}

func caseEcho(e *env) {
	x := bytes.Repeat([]byte{7, 0, 255}, 33000)
	f, release := e.root.Echo(e.ctx, func(p conf.Conf_echo_Params) error { return p.SetX(x) })
	defer release()
	r, err := f.Struct()
	must(err)
	y, err := r.X()
	must(err)
	want(bytes.Equal(x, y), "something else came back")
}

func caseGetSelf(e *env) {
	f, release := e.root.GetSelf(e.ctx, nil)
	defer release()
	g, release2 := f.Cap().Null(e.ctx, nil)
	defer release2()
	_, err := g.Struct()
	must(err)
}

func caseCounter(e *env) {
	c, release := makeCounter(e, e.root, 5)
	defer release()
	must(c.Resolve(e.ctx))
	want(inc(e.ctx, c, 3) == 8, "not 8")
	f, release2 := c.Get(e.ctx, nil)
	defer release2()
	r, err := f.Struct()
	must(err)
	want(r.Value() == 8, "get: %d", r.Value())
}

func casePipeline(e *env) {
	c, release := makeCounter(e, e.root, 41)
	defer release()
	want(inc(e.ctx, c, 1) == 42, "not 42")
}

func casePipeline100(e *env) {
	c, release := makeCounter(e, e.root, 0)
	defer release()
	order(e.ctx, c, 0, 100)
}

func caseDerived(e *env) {
	f, release := e.root.GetDerived(e.ctx, func(p conf.Conf_getDerived_Params) error { return p.SetName("d") })
	defer release()
	g, release2 := f.D().Name(e.ctx, nil)
	defer release2()
	r, err := g.Struct()
	must(err)
	name, err := r.Name()
	must(err)
	want(name == "d", "name %q", name)
	want(inc(e.ctx, conf.Counter(f.D()), 4) == 4, "not 4")
}

func echoOwn(e *env, delayMs uint32) (*recorder, conf.Counter, capnp.ReleaseFunc) {
	own := &recorder{}
	mine := conf.Counter_ServerToClient(own)
	if delayMs == 0 {
		f, release := e.root.EchoCap(e.ctx, func(p conf.Conf_echoCap_Params) error { return p.SetCap(mine) })
		return own, f.Cap(), release
	}
	f, release := e.root.EchoCapLater(e.ctx, func(p conf.Conf_echoCapLater_Params) error {
		p.SetDelayMs(delayMs)
		return p.SetCap(mine)
	})
	return own, f.Cap(), release
}

func caseOwnComesHome(e *env) {
	own, c, release := echoOwn(e, 0)
	defer release()
	must(c.Resolve(e.ctx))
	want(inc(e.ctx, c, 0) == 0, "not 0")
	own.ordered(1)
}

// embargo sends calls before and after the reference has come home; the object must see them in order.
func embargo(e *env, delayMs uint32) {
	const n = 50
	own, c, release := echoOwn(e, delayMs)
	defer release()
	var last conf.Counter_inc_Results_Future
	for i := 0; i < n; i++ {
		f, r := incTo(e.ctx, c, uint64(i))
		defer r()
		last = f
	}
	must(c.Resolve(e.ctx))
	for i := n; i < 2*n; i++ {
		f, r := incTo(e.ctx, c, uint64(i))
		defer r()
		last = f
	}
	_, err := last.Struct()
	must(err)
	own.ordered(2 * n)
}

type squares struct{}

func (squares) Call(_ context.Context, call conf.Callback_call) error {
	res, err := call.AllocResults()
	if err == nil {
		i := uint64(call.Args().I())
		res.SetV(i * i)
	}
	return err
}

func caseCallBack(e *env) {
	f, release := e.root.CallBack(e.ctx, func(p conf.Conf_callBack_Params) error {
		p.SetN(10)
		return p.SetCb(conf.Callback_ServerToClient(squares{}))
	})
	defer release()
	r, err := f.Struct()
	must(err)
	want(r.Sum() == 285, "sum %d", r.Sum())
}

func caseHold(e *env) {
	c, release := makeCounter(e, e.root, 7)
	defer release()
	f, release2 := e.root.Hold(e.ctx, func(p conf.Conf_hold_Params) error { return p.SetCap(c.AddRef()) })
	_, err := f.Struct()
	release2()
	must(err)
	g, release3 := e.root.GetHeld(e.ctx, nil)
	want(inc(e.ctx, g.Cap(), 1) == 8, "not 8")
	release3()
	h, release4 := e.root.DropHeld(e.ctx, nil)
	defer release4()
	_, err = h.Struct()
	must(err)
}

func caseIsNull(e *env) {
	f, release := e.root.IsNull(e.ctx, nil)
	defer release()
	r, err := f.Struct()
	must(err)
	want(r.Null(), "nothing is something")
}

func casePromise(e *env) {
	f, release := e.root.GetPromiseCap(e.ctx, func(p conf.Conf_getPromiseCap_Params) error {
		p.SetDelayMs(50)
		return nil
	})
	defer release()
	r, err := f.Struct()
	must(err)
	order(e.ctx, r.C(), 100, 50)
	order(e.ctx, r.C(), 150, 50)
}

func caseBroken(e *env) {
	f, release := e.root.GetBrokenPromise(e.ctx, func(p conf.Conf_getBrokenPromise_Params) error {
		p.SetDelayMs(50)
		return p.SetReason("broken on purpose")
	})
	defer release()
	r, err := f.Struct()
	must(err)
	g, release2 := incTo(e.ctx, r.C(), 1)
	defer release2()
	_, err = g.Struct()
	want(err != nil && bytes.Contains([]byte(err.Error()), []byte("broken on purpose")), "got %v", err)
}

type callee struct{}

func (callee) Foo(_ context.Context, call conf.Callee_foo) error {
	res, err := call.AllocResults()
	if err != nil {
		return err
	}
	res.SetI(call.Args().I() + 1)
	return res.SetSelf(conf.Counter_ServerToClient(&counter{value: 9}))
}

func caseTail(e *env) {
	f, release := e.root.Tail(e.ctx, func(p conf.Conf_tail_Params) error {
		p.SetI(3)
		return p.SetCallee(conf.Callee_ServerToClient(callee{}))
	})
	defer release()
	r, err := f.Struct()
	must(err)
	want(r.I() == 4, "i %d", r.I())
}

func caseFail(kind exc.Type) func(e *env) {
	return func(e *env) {
		f, release := e.root.Fail(e.ctx, func(p conf.Conf_fail_Params) error {
			p.SetType(uint16(kind))
			return p.SetReason("on purpose")
		})
		defer release()
		_, err := f.Struct()
		var x *exc.Exception
		want(errors.As(err, &x), "no exception: %v", err)
		want(exc.TypeOf(err) == kind, "type %v", exc.TypeOf(err))
		want(bytes.Contains([]byte(err.Error()), []byte("on purpose")), "reason %v", err)
	}
}

func cancelCount(e *env) uint32 {
	f, release := e.root.CancelCount(e.ctx, nil)
	defer release()
	r, err := f.Struct()
	must(err)
	return r.N()
}

func eventually(what string, is func() bool) {
	for i := 0; i < 500; i++ {
		if is() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	panic(errors.New("never: " + what))
}

func caseCancel(e *env) {
	before := cancelCount(e)
	ctx, cancel := context.WithCancel(e.ctx)
	_, release := e.root.Hang(ctx, nil)
	caseNull(e)
	cancel()
	release()
	eventually("canceled", func() bool { return cancelCount(e) == before+1 })
}

func caseStream(e *env) {
	f, release := e.root.Fresh(e.ctx, nil)
	defer release()
	c := f.C()
	for i := 0; i < 100; i++ {
		must(c.Write(e.ctx, func(p conf.Conf_write_Params) error { return p.SetChunk(make([]byte, 1000)) }))
	}
	must(c.WaitStreaming())
	g, release2 := c.FinishStream(e.ctx, nil)
	defer release2()
	r, err := g.Struct()
	must(err)
	want(r.Bytes() == 100000 && r.Calls() == 100, "%d bytes, %d calls", r.Bytes(), r.Calls())
}

func caseSumAll(e *env) {
	a, release := makeCounter(e, e.root, 5)
	defer release()
	b := conf.Counter_ServerToClient(&counter{value: 6})
	f, release2 := e.root.SumAll(e.ctx, func(p conf.Conf_sumAll_Params) error {
		list, err := p.NewCaps(2)
		if err == nil {
			err = list.Set(0, a.AddRef())
		}
		if err == nil {
			err = list.Set(1, b)
		}
		return err
	})
	defer release2()
	r, err := f.Struct()
	must(err)
	want(r.Sum() == 11, "sum %d", r.Sum())
}

func liveCounters(e *env) uint32 {
	f, release := e.root.LiveCounters(e.ctx, nil)
	defer release()
	r, err := f.Struct()
	must(err)
	return r.N()
}

func caseRelease(e *env) {
	before := liveCounters(e)
	for i := 0; i < 100 && before != 0; i++ { // what the cases before held
		time.Sleep(20 * time.Millisecond)
		before = liveCounters(e)
	}
	c, release := makeCounter(e, e.root, 1)
	inc(e.ctx, c, 1)
	want(liveCounters(e) == before+1, "it is not counted")
	release()
	eventually("released", func() bool { return liveCounters(e) == before })
}

func caseTwo(e *env) {
	other, root := e.connect()
	defer other.Close()
	a, release := makeCounter(e, e.root, 10)
	defer release()
	b, release2 := makeCounter(e, root, 20)
	defer release2()
	want(inc(e.ctx, a, 1) == 11 && inc(e.ctx, b, 1) == 21, "mixed")
}

func caseDisconnect(e *env) {
	c, release := makeCounter(e, e.root, 1)
	defer release()
	inc(e.ctx, c, 1)
	must(e.conn.Close())
	f, release2 := incTo(e.ctx, c, 1)
	defer release2()
	_, err := f.Struct()
	want(err != nil, "a call without a connection succeeds")
}

var cases = []struct {
	name string
	run  func(e *env)
}{
	{"null", caseNull},
	{"add", caseAdd},
	{"echo-100k", caseEcho},
	{"get-self", caseGetSelf},
	{"make-counter-inc-get", caseCounter},
	{"pipeline-on-a-result", casePipeline},
	{"pipeline-100-calls-in-order", casePipeline100},
	{"derived-own-and-inherited-methods", caseDerived},
	{"echo-cap-own-comes-home", caseOwnComesHome},
	{"embargo-order-without-delay", func(e *env) { embargo(e, 0) }},
	{"embargo-order-after-a-delay", func(e *env) { embargo(e, 50) }},
	{"call-back", caseCallBack},
	{"hold-and-get-held", caseHold},
	{"is-null", caseIsNull},
	{"promise-cap-keeps-order-across-its-resolution", casePromise},
	{"broken-promise-fails-the-calls-made-before", caseBroken},
	{"tail-call", caseTail},
	{"fail-failed", caseFail(exc.Failed)},
	{"fail-overloaded", caseFail(exc.Overloaded)},
	{"fail-disconnected", caseFail(exc.Disconnected)},
	{"fail-unimplemented", caseFail(exc.Unimplemented)},
	{"cancel-of-a-hanging-call", caseCancel},
	{"stream-write-and-finish", caseStream},
	{"sum-all", caseSumAll},
	{"release-reaches-zero", caseRelease},
	{"two-connections-do-not-mix", caseTwo},
	{"disconnect-breaks-the-references", caseDisconnect},
}

// attempt runs one case and says what went wrong; one that hangs is left behind.
func attempt(addr string, run func(e *env)) error {
	done := make(chan error, 1)
	go func() {
		defer func() {
			if x := recover(); x != nil {
				done <- fmt.Errorf("%v", x)
			}
		}()
		ctx, cancel := context.WithTimeout(context.Background(), caseTime)
		defer cancel()
		e := &env{ctx: ctx, addr: addr}
		e.conn, e.root = e.connect()
		run(e)
		e.conn.Close()
		done <- nil
	}()
	select {
	case err := <-done:
		return err
	case <-time.After(caseTime + time.Second):
		return errors.New("no end")
	}
}

func drive(addr string, only []string) {
	var failed sync.Once
	code := 0
	for _, c := range cases {
		if len(only) > 0 && !slices.Contains(only, c.name) {
			continue
		}
		if err := attempt(addr, c.run); err != nil {
			fmt.Printf("not ok %s - %v\n", c.name, err)
			failed.Do(func() { code = 1 })
		} else {
			fmt.Printf("ok %s\n", c.name)
		}
	}
	os.Exit(code)
}
