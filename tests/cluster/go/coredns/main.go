// CoreDNS with the plugins that a cluster's names need and no others: the
// stock build links the clients of every cloud.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/template"
)

func init() {
	// The order in which a query passes through the plugins.
	dnsserver.Directives = []string{"errors", "kubernetes", "template"}
}

func main() {
	coremain.Run()
}
