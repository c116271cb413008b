// The keeper of a test cluster: process 1 of the cluster's process namespace.
//
// While it lives the cluster's namespaces live; when it ends, the kernel ends
// every process in them, containers included. It has two duties: it reaps
// orphans, as process 1 must, and it carries connections from the machine to
// the API server.
//
// Standard input is a socket that already listens on the machine's loopback. A
// socket stays in the network namespace in which it was made, so this process
// accepts there although it lives in the cluster's namespace and dials here.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: keeper HOST:PORT, with a listening socket as standard input")
		os.Exit(2)
	}
	listener, err := net.FileListener(os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, "keeper: standard input is not a listening socket:", err)
		os.Exit(2)
	}
	go forward(listener, os.Args[1])
	reap()
}

// reap waits for every child. The signal can stand for several of them.
func reap() {
	signals := make(chan os.Signal, 64)
	signal.Notify(signals, syscall.SIGCHLD)
	for range signals {
		for {
			pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
			if err == syscall.EINTR {
				continue
			}
			if pid <= 0 {
				break
			}
		}
	}
}

func forward(listener net.Listener, target string) {
	for {
		client, err := listener.Accept()
		if err != nil {
			// Out of descriptors, say: the next accept may work again.
			fmt.Fprintln(os.Stderr, "keeper: accept:", err)
			time.Sleep(100 * time.Millisecond)
			continue
		}
		go carry(client, target)
	}
}

// carry joins one connection with the target. Each direction ends on its own,
// so that a half-closed connection stays one.
func carry(client net.Conn, target string) {
	defer client.Close()
	server, err := net.DialTimeout("tcp", target, 5*time.Second)
	if err != nil {
		return // the client sees its connection end, as with any API server that is away
	}
	defer server.Close()
	var directions sync.WaitGroup
	directions.Go(func() { copyHalf(server, client) })
	directions.Go(func() { copyHalf(client, server) })
	directions.Wait()
}

func copyHalf(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	if tcp, ok := to.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
}
