// tls-client in Go: one login over crypto/tls or a Unix socket, with go-capnp and nothing of ours but
// schema/ and doc/protocol/admission.md.
//
// usage: tls-client ADDRESS CERTIFICATE METHOD ACCOUNT SECRET        (tls-run.py says what is what)
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"

	"capnproto.org/go/capnp/v3/rpc"
	"capos/remotesession"
	"capos/systeminfo"
)

const wait = 60 * time.Second

// channel is what a proof says about the connection: fields 2, 3 and 8 of the transcript.
type channel struct {
	transport string
	binding   []byte
	keyHash   []byte
}

type options struct {
	address, certificate, method, account, secret string
}

func (o options) other() bool     { return strings.HasSuffix(o.method, "-other") }
func (o options) serverKey() bool { return strings.HasPrefix(o.method, "tls-key") }

// connect opens the connection and says what a proof on it is bound to.
func connect(ctx context.Context, o options) (net.Conn, channel, error) {
	kind, place, _ := strings.Cut(o.address, ":")
	if kind == "unix" {
		c, err := (&net.Dialer{}).DialContext(ctx, "unix", place)
		return c, channel{transport: "unix"}, err
	}

	pem, err := os.ReadFile(o.certificate)
	if err != nil {
		return nil, channel{}, err
	}
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM(pem) {
		return nil, channel{}, errors.New("no certificate in " + o.certificate)
	}
	dialer := tls.Dialer{Config: &tls.Config{
		RootCAs: trusted, ServerName: "localhost", MinVersion: tls.VersionTLS13,
		NextProtos: []string{"capnp-rpc"},
	}}
	c, err := dialer.DialContext(ctx, "tcp", place)
	if err != nil {
		return nil, channel{}, err
	}
	state := c.(*tls.Conn).ConnectionState()
	exporter, err := state.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32)
	keyHash := sha256.Sum256(state.PeerCertificates[0].RawSubjectPublicKeyInfo)
	return c, channel{"tls", exporter, keyHash[:]}, err
}

// signature is what `ssh-keygen -Y sign` makes of the transcript, without its armour.
func signature(ctx context.Context, key string, transcript []byte) ([]byte, error) {
	sign := exec.CommandContext(ctx, "ssh-keygen", "-Y", "sign", "-f", key, "-n", "login@capos")
	sign.Stdin = bytes.NewReader(transcript)
	armour, err := sign.Output()
	if err != nil {
		return nil, err
	}
	var body strings.Builder
	for _, line := range strings.Fields(string(armour)) {
		if len(line) > 20 {
			body.WriteString(line)
		}
	}
	return base64.StdEncoding.DecodeString(body.String())
}

func transcript(c channel, nonce []byte, account string) []byte {
	var t []byte
	for _, field := range [][]byte{
		[]byte("capos admission proof 1"), []byte(c.transport), c.binding, nonce, nil,
		[]byte(account), nil, c.keyHash,
	} {
		t = binary.BigEndian.AppendUint32(t, uint32(len(field)))
		t = append(t, field...)
	}
	return t
}

// proof asks the flow for its nonce and answers with a signature.
func proof(ctx context.Context, o options, c channel, flow remotesession.RemoteAuthFlow) ([]byte, error) {
	asked, release := flow.Next(ctx, nil)
	defer release()
	answer, err := asked.Struct()
	if err != nil {
		return nil, err
	}
	step, err := answer.Step()
	if err != nil {
		return nil, err
	}
	challenge, err := step.Challenge()
	if err != nil {
		return nil, err
	}
	nonce := bytes.Clone(challenge)
	if o.serverKey() {
		c.transport, c.binding = "tls-key", nil
	}
	if o.other() {
		for _, field := range [][]byte{c.binding, c.keyHash, nonce} {
			if len(field) > 0 {
				field[0] ^= 1
				break
			}
		}
	}
	return signature(ctx, o.secret, transcript(c, nonce, o.account))
}

func login(ctx context.Context, o options) (string, error) {
	stream, c, err := connect(ctx, o)
	if err != nil {
		return "", err
	}
	conn := rpc.NewConn(rpc.NewStreamTransport(stream), nil)
	defer conn.Close()

	gateway := remotesession.RemoteSessionGateway(conn.Bootstrap(ctx))
	kind := remotesession.RemoteAuthKind_publicKey
	if o.method == "password" {
		kind = remotesession.RemoteAuthKind_password
	}
	started, release := gateway.Start(ctx, func(p remotesession.RemoteSessionGateway_start_Params) error {
		request, err := p.NewRequest()
		if err != nil {
			return err
		}
		request.SetKind(kind)
		if o.serverKey() {
			request.SetBinding(remotesession.RemoteChannelBinding_serverKey)
		}
		selector, err := request.NewSelector()
		if err != nil {
			return err
		}
		return selector.SetAccount(o.account)
	})
	defer release()

	response := []byte(o.secret)
	if o.method != "password" {
		if response, err = proof(ctx, o, c, started.Flow()); err != nil {
			return "", err
		}
	}
	done, release := started.Flow().Next(ctx, func(p remotesession.RemoteAuthFlow_next_Params) error {
		return p.SetResponse(response)
	})
	defer release()
	return describe(ctx, done.Session())
}

// describe says whose session it is, and what a capability of it answers.
func describe(ctx context.Context, session remotesession.RemoteSession) (string, error) {
	known, release := session.Info(ctx, nil)
	defer release()
	set, release := session.CapSet(ctx, nil)
	defer release()
	got, release := set.Caps().Get(ctx, func(p remotesession.RemoteCapSet_get_Params) error {
		p.SetExpectedInterfaceId(systeminfo.SystemInfo_TypeID)
		return p.SetName("system_info")
	})
	defer release()
	said, release := systeminfo.SystemInfo(got.Cap()).Motd(ctx, nil)
	defer release()

	infoResult, err := known.Struct()
	if err != nil {
		return "", err
	}
	motdResult, err := said.Struct()
	if err != nil {
		return "", err
	}
	info, err := infoResult.Info()
	if err != nil {
		return "", err
	}
	account, errAccount := info.Account()
	kind, errKind := info.Kind()
	motd, errMotd := motdResult.Text()
	return account + " " + kind + " " + motd, errors.Join(errAccount, errKind, errMotd)
}

func main() {
	if len(os.Args) != 6 {
		fmt.Fprintln(os.Stderr, "usage: tls-client ADDRESS CERTIFICATE METHOD ACCOUNT SECRET")
		os.Exit(2)
	}
	o := options{os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5]}
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()

	said, err := login(ctx, o)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(said)
}
