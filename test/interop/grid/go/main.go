// grid in Go: the Conf server and the driver of grid.md, on go-capnp.
package main

import (
	"fmt"
	"net"
	"os"

	"capnproto.org/go/capnp/v3"
	"capnproto.org/go/capnp/v3/rpc"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: grid serve|drive HOST:PORT [CASE...]")
		os.Exit(2)
	}
	if os.Args[1] == "drive" {
		drive(os.Args[2], os.Args[3:])
		return
	}

	listener, err := net.Listen("tcp", os.Args[2])
	if err != nil {
		panic(err)
	}
	bootstrap := newConf()
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
