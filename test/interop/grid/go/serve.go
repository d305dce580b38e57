// The server: every interface of conf.capnp, on go-capnp.
package main

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"capnproto.org/go/capnp/v3"
	"capnproto.org/go/capnp/v3/exc"
	"grid/conf"
)

var live, canceled atomic.Int64

// counter is a Counter or, with a name, a Derived.
type counter struct {
	mu    sync.Mutex
	value uint64
	name  string
	made  bool
}

func (c *counter) Inc(_ context.Context, call conf.Counter_inc) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.value += call.Args().By()
	res, err := call.AllocResults()
	if err == nil {
		res.SetValue(c.value)
	}
	return err
}

func (c *counter) Get(_ context.Context, call conf.Counter_get) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	res, err := call.AllocResults()
	if err == nil {
		res.SetValue(c.value)
	}
	return err
}

func (c *counter) Name(_ context.Context, call conf.Derived_name) error {
	res, err := call.AllocResults()
	if err != nil {
		return err
	}
	return res.SetName(c.name)
}

func (c *counter) Shutdown() {
	if c.made {
		live.Add(-1)
	}
}

func newCounter(start uint64) conf.Counter {
	live.Add(1)
	return conf.Counter_ServerToClient(&counter{value: start, made: true})
}

type server struct {
	mu     sync.Mutex
	self   conf.Conf // borrowed: what the connections are given
	held   *conf.Counter
	bytes  uint64
	calls  uint32
	poison error
}

func (s *server) client() conf.Conf { return s.self.AddRef() }

func (s *server) Null(_ context.Context, call conf.Conf_null) error { return nil }

func (s *server) Add(_ context.Context, call conf.Conf_add) error {
	res, err := call.AllocResults()
	if err == nil {
		res.SetSum(int64(call.Args().A()) + int64(call.Args().B()))
	}
	return err
}

func (s *server) DelayedAdd(ctx context.Context, call conf.Conf_delayedAdd) error {
	call.Go()
	if err := pause(ctx, call.Args().DelayMs()); err != nil {
		return err
	}
	res, err := call.AllocResults()
	if err == nil {
		res.SetSum(int64(call.Args().A()) + int64(call.Args().B()))
	}
	return err
}

func pause(ctx context.Context, ms uint32) error {
	select {
	case <-time.After(time.Duration(ms) * time.Millisecond):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *server) Echo(_ context.Context, call conf.Conf_echo) error {
	x, err := call.Args().X()
	if err != nil {
		return err
	}
	res, err := call.AllocResults()
	if err != nil {
		return err
	}
	return res.SetX(x)
}

func (s *server) GetSelf(_ context.Context, call conf.Conf_getSelf) error {
	res, err := call.AllocResults()
	if err != nil {
		return err
	}
	return res.SetCap(s.client())
}

func (s *server) MakeCounter(_ context.Context, call conf.Conf_makeCounter) error {
	res, err := call.AllocResults()
	if err != nil {
		return err
	}
	return res.SetC(newCounter(call.Args().Start()))
}

func (s *server) LiveCounters(_ context.Context, call conf.Conf_liveCounters) error {
	res, err := call.AllocResults()
	if err == nil {
		res.SetN(uint32(live.Load()))
	}
	return err
}

func (s *server) EchoCap(_ context.Context, call conf.Conf_echoCap) error {
	res, err := call.AllocResults()
	if err != nil {
		return err
	}
	return res.SetCap(call.Args().Cap().AddRef())
}

func (s *server) EchoCapLater(ctx context.Context, call conf.Conf_echoCapLater) error {
	call.Go()
	if err := pause(ctx, call.Args().DelayMs()); err != nil {
		return err
	}
	res, err := call.AllocResults()
	if err != nil {
		return err
	}
	return res.SetCap(call.Args().Cap().AddRef())
}

func (s *server) CallBack(ctx context.Context, call conf.Conf_callBack) error {
	call.Go()
	var sum uint64
	for i := uint32(0); i < call.Args().N(); i++ {
		f, release := call.Args().Cb().Call(ctx, func(p conf.Callback_call_Params) error {
			p.SetI(i)
			return nil
		})
		r, err := f.Struct()
		if err == nil {
			sum += r.V()
		}
		release()
		if err != nil {
			return err
		}
	}
	res, err := call.AllocResults()
	if err == nil {
		res.SetSum(sum)
	}
	return err
}

func (s *server) hold(c *conf.Counter) {
	s.mu.Lock()
	old := s.held
	s.held = c
	s.mu.Unlock()
	if old != nil {
		old.Release()
	}
}

func (s *server) Hold(_ context.Context, call conf.Conf_hold) error {
	c := call.Args().Cap().AddRef()
	s.hold(&c)
	return nil
}

func (s *server) GetHeld(_ context.Context, call conf.Conf_getHeld) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	res, err := call.AllocResults()
	if err != nil || s.held == nil {
		return err
	}
	return res.SetCap(s.held.AddRef())
}

func (s *server) DropHeld(_ context.Context, call conf.Conf_dropHeld) error {
	s.hold(nil)
	return nil
}

func (s *server) GetPromiseCap(_ context.Context, call conf.Conf_getPromiseCap) error {
	promise, resolver := capnp.NewLocalPromise[conf.Counter]()
	time.AfterFunc(time.Duration(call.Args().DelayMs())*time.Millisecond, func() {
		resolver.Fulfill(newCounter(100))
	})
	res, err := call.AllocResults()
	if err != nil {
		return err
	}
	return res.SetC(promise)
}

func (s *server) GetBrokenPromise(_ context.Context, call conf.Conf_getBrokenPromise) error {
	reason, err := call.Args().Reason()
	if err != nil {
		return err
	}
	promise, resolver := capnp.NewLocalPromise[conf.Counter]()
	time.AfterFunc(time.Duration(call.Args().DelayMs())*time.Millisecond, func() {
		resolver.Reject(errors.New(reason))
	})
	res, err := call.AllocResults()
	if err != nil {
		return err
	}
	return res.SetC(promise)
}

// Tail has no tail call to make in this implementation: it waits, and copies.
func (s *server) Tail(ctx context.Context, call conf.Conf_tail) error {
	call.Go()
	i := call.Args().I()
	f, release := call.Args().Callee().Foo(ctx, func(p conf.Callee_foo_Params) error {
		p.SetI(i)
		return nil
	})
	defer release()
	r, err := f.Struct()
	if err != nil {
		return err
	}
	res, err := call.AllocResults()
	if err != nil {
		return err
	}
	res.SetI(r.I())
	return res.SetSelf(r.Self().AddRef())
}

func (s *server) Fail(_ context.Context, call conf.Conf_fail) error {
	reason, err := call.Args().Reason()
	if err != nil {
		return err
	}
	return exc.New(exc.Type(call.Args().Type()), "", reason)
}

func (s *server) Hang(ctx context.Context, call conf.Conf_hang) error {
	call.Go()
	<-ctx.Done()
	canceled.Add(1)
	return ctx.Err()
}

func (s *server) CancelCount(_ context.Context, call conf.Conf_cancelCount) error {
	res, err := call.AllocResults()
	if err == nil {
		res.SetN(uint32(canceled.Load()))
	}
	return err
}

func (s *server) Write(_ context.Context, call conf.Conf_write) error {
	chunk, err := call.Args().Chunk()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.poison == nil && len(chunk) > 0 && chunk[0] == 0xff {
		s.poison = errors.New("poison")
	}
	if s.poison != nil {
		return s.poison
	}
	s.bytes += uint64(len(chunk))
	s.calls++
	return nil
}

func (s *server) FinishStream(_ context.Context, call conf.Conf_finishStream) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.poison != nil {
		return s.poison
	}
	res, err := call.AllocResults()
	if err == nil {
		res.SetBytes(s.bytes)
		res.SetCalls(s.calls)
		s.bytes, s.calls = 0, 0
	}
	return err
}

func (s *server) SumAll(ctx context.Context, call conf.Conf_sumAll) error {
	call.Go()
	list, err := call.Args().Caps()
	if err != nil {
		return err
	}
	var sum uint64
	for i := 0; i < list.Len(); i++ {
		c, err := list.At(i)
		if err != nil || !c.IsValid() {
			continue
		}
		f, release := c.Get(ctx, nil)
		r, err := f.Struct()
		if err == nil {
			sum += r.Value()
		}
		release()
		if err != nil {
			return err
		}
	}
	res, err := call.AllocResults()
	if err == nil {
		res.SetSum(sum)
	}
	return err
}

func (s *server) GetDerived(_ context.Context, call conf.Conf_getDerived) error {
	name, err := call.Args().Name()
	if err != nil {
		return err
	}
	res, err := call.AllocResults()
	if err != nil {
		return err
	}
	return res.SetD(conf.Derived_ServerToClient(&counter{name: name}))
}

func (s *server) EchoAny(_ context.Context, call conf.Conf_echoAny) error {
	p, err := call.Args().P()
	if err != nil {
		return err
	}
	res, err := call.AllocResults()
	if err != nil {
		return err
	}
	return res.SetP(p)
}

func (s *server) EchoPayload(_ context.Context, call conf.Conf_echoPayload) error {
	p, err := call.Args().P()
	if err != nil {
		return err
	}
	res, err := call.AllocResults()
	if err != nil {
		return err
	}
	return res.SetP(p)
}

func (s *server) IsNull(_ context.Context, call conf.Conf_isNull) error {
	res, err := call.AllocResults()
	if err == nil {
		res.SetNull(!call.Args().HasCap())
	}
	return err
}

func (s *server) Fresh(_ context.Context, call conf.Conf_fresh) error {
	res, err := call.AllocResults()
	if err != nil {
		return err
	}
	return res.SetC(newConf())
}

func newConf() conf.Conf {
	s := &server{}
	c := conf.Conf_ServerToClient(s)
	s.self = c
	return c
}
