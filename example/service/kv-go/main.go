// kv in Go, with go-capnp alone: it knows nothing of an instance. A connector puts it behind one
// (doc/service-authors.md). See ../kv/kv.capnp for what it does, ../kv/kv.c for the same in C.
//
// Go wants its package in the schema: $Go.package("schema") and $Go.import("kv/schema"), of the
// library's go.capnp. Then:
//
//	capnp compile -I$(go list -m -f '{{.Dir}}' capnproto.org/go/capnp/v3)/std -ogo:schema kv.capnp
//	go build
//
// Usage: kv unix:PATH FILE        serves at a socket, keeps values in FILE; says "ready" first
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"capnproto.org/go/capnp/v3"
	"capnproto.org/go/capnp/v3/rpc"
	"kv/schema"
)

const (
	maxKeys    = 256
	keyBytes   = 64
	valueBytes = 64 * 1024
	allBytes   = 1024 * 1024
	unanswered = 64
)

type value struct {
	text    string
	expires *time.Timer // nil: it is kept for good
}

// store is what all connections share.
type store struct {
	mu      sync.Mutex
	path    string
	values  map[string]value
	bytes   int
	waits   map[chan string]string
	watches map[*watch]struct{}
}

func (s *store) load() error {
	bytes, err := os.ReadFile(s.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	msg, err := capnp.Unmarshal(bytes)
	if err != nil {
		return err
	}
	table, err := schema.ReadRootTable(msg)
	if err != nil {
		return err
	}
	entries, err := table.Entries()
	if err != nil {
		return err
	}
	for i := 0; i < entries.Len(); i++ {
		key, err := entries.At(i).Key()
		if err != nil {
			return err
		}
		text, err := entries.At(i).Value()
		if err != nil {
			return err
		}
		s.values[key] = value{text: text}
		s.bytes += len(text)
	}
	return nil
}

// save writes a new file, brings it to the disk and puts it in the old one's place.
func (s *store) save() error {
	msg, seg := capnp.NewSingleSegmentMessage(nil)
	table, err := schema.NewRootTable(seg)
	if err != nil {
		return err
	}
	var kept []string
	for key, v := range s.values {
		if v.expires == nil {
			kept = append(kept, key)
		}
	}
	entries, err := table.NewEntries(int32(len(kept)))
	if err != nil {
		return err
	}
	for i, key := range kept {
		if err := errors.Join(entries.At(i).SetKey(key), entries.At(i).SetValue(s.values[key].text)); err != nil {
			return err
		}
	}
	bytes, err := msg.Marshal()
	if err != nil {
		return err
	}
	f, err := os.Create(s.path + ".new")
	if err != nil {
		return err
	}
	_, err = f.Write(bytes)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(s.path+".new", s.path)
}

func (s *store) set(key, text string, keepMs uint32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.setLocked(key, text, keepMs)
}

func (s *store) setLocked(key, text string, keepMs uint32) error {
	old, there := s.values[key]
	bytes := s.bytes - len(old.text) + len(text)
	if key == "" || len(key) > keyBytes || len(text) > valueBytes || bytes > allBytes ||
		(!there && len(s.values) == maxKeys) {
		return errors.New("too long, or too many")
	}
	if old.expires != nil {
		old.expires.Stop()
	}
	s.bytes = bytes
	delete(s.values, key)
	if text != "" {
		v := value{text: text}
		if keepMs > 0 {
			v.expires = time.AfterFunc(time.Duration(keepMs)*time.Millisecond, func() {
				s.mu.Lock()
				defer s.mu.Unlock()
				if s.values[key].expires == v.expires {
					s.setLocked(key, "", 0)
				}
			})
		}
		s.values[key] = v
	}
	if err := s.save(); err != nil {
		return err
	}
	s.changed(key, text)
	return nil
}

func (s *store) changed(key, text string) {
	for c, wanted := range s.waits {
		if wanted == key {
			c <- text // has room for it
			delete(s.waits, c)
		}
	}
	for w := range s.watches {
		if strings.HasPrefix(key, w.prefix) && w.unanswered < unanswered {
			w.tell(key, text)
		}
	}
}

// watch is told until its last reference is let go of.
type watch struct {
	store      *store
	prefix     string
	watcher    schema.Watcher
	unanswered int
}

// tell makes the call here, so that they go in order, and waits for it elsewhere.
func (w *watch) tell(key, text string) {
	w.unanswered++
	answer, release := w.watcher.Changed(context.Background(), func(p schema.Watcher_changed_Params) error {
		return errors.Join(p.SetKey(key), p.SetValue(text))
	})
	go func() {
		defer release()
		if _, err := answer.Struct(); err == nil {
			w.store.mu.Lock()
			defer w.store.mu.Unlock()
			w.unanswered--
		}
	}()
}

func (w *watch) Shutdown() {
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	delete(w.store.watches, w)
	w.watcher.Release()
}

type sink struct {
	store  *store
	key    string
	value  strings.Builder
	failed error // the first: this library does not remember it for the stream
}

func (s *sink) Write(_ context.Context, call schema.Sink_write) error {
	part, err := call.Args().Part()
	if err != nil {
		return err
	}
	if len(part) > valueBytes-s.value.Len() {
		s.failed = errors.New("a value has 64 KiB at most")
	}
	if s.failed != nil {
		return s.failed
	}
	s.value.WriteString(part)
	return nil
}

func (s *sink) Done(_ context.Context, call schema.Sink_done) error {
	if s.failed != nil {
		return s.failed
	}
	if err := s.store.set(s.key, s.value.String(), 0); err != nil {
		return err
	}
	results, err := call.AllocResults()
	if err == nil {
		results.SetLength(uint32(s.value.Len()))
	}
	return err
}

type kv struct{ store *store }

func (k kv) Get(_ context.Context, call schema.Kv_get) error {
	key, err := call.Args().Key()
	if err != nil {
		return err
	}
	k.store.mu.Lock()
	v, there := k.store.values[key]
	k.store.mu.Unlock()
	if !there {
		return errors.New("there is no such key")
	}
	results, err := call.AllocResults()
	if err != nil {
		return err
	}
	return results.SetValue(v.text)
}

func (k kv) Set(_ context.Context, call schema.Kv_set) error {
	key, err := call.Args().Key()
	if err != nil {
		return err
	}
	text, err := call.Args().Value()
	if err != nil {
		return err
	}
	return k.store.set(key, text, call.Args().KeepMs())
}

func (k kv) Next(ctx context.Context, call schema.Kv_next) error {
	key, err := call.Args().Key()
	if err != nil {
		return err
	}
	c := make(chan string, 1)
	k.store.mu.Lock()
	k.store.waits[c] = key
	k.store.mu.Unlock()
	defer func() {
		k.store.mu.Lock()
		delete(k.store.waits, c)
		k.store.mu.Unlock()
	}()
	call.Go() // other calls on this object go on
	select {
	case text := <-c:
		results, err := call.AllocResults()
		if err != nil {
			return err
		}
		return results.SetValue(text)
	case <-time.After(time.Duration(call.Args().WaitMs()) * time.Millisecond):
		return errors.New("the key was not set in time")
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (k kv) Watch(_ context.Context, call schema.Kv_watch) error {
	prefix, err := call.Args().Prefix()
	if err != nil {
		return err
	}
	w := &watch{store: k.store, prefix: prefix, watcher: call.Args().Watcher().AddRef()}
	k.store.mu.Lock()
	k.store.watches[w] = struct{}{}
	k.store.mu.Unlock()
	results, err := call.AllocResults()
	if err != nil {
		return err
	}
	return results.SetWatch(schema.Watch_ServerToClient(w))
}

func (k kv) Upload(_ context.Context, call schema.Kv_upload) error {
	key, err := call.Args().Key()
	if err != nil {
		return err
	}
	results, err := call.AllocResults()
	if err != nil {
		return err
	}
	return results.SetSink(schema.Sink_ServerToClient(&sink{store: k.store, key: key}))
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: kv unix:PATH FILE")
		os.Exit(2)
	}
	s := &store{path: os.Args[2], values: map[string]value{}, waits: map[chan string]string{},
		watches: map[*watch]struct{}{}}
	if err := s.load(); err != nil {
		panic(err)
	}
	listener, err := net.Listen("unix", strings.TrimPrefix(os.Args[1], "unix:"))
	if err != nil {
		panic(err)
	}
	bootstrap := schema.Kv_ServerToClient(kv{s})
	fmt.Println("ready")
	for {
		conn, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		rpc.NewConn(rpc.NewStreamTransport(conn), &rpc.Options{
			BootstrapClient: capnp.Client(bootstrap.AddRef()),
		})
	}
}
