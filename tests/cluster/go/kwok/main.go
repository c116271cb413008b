// kwok with the stages that its authors ship for nodes and pods that are Ready
// at once. The stock program would have to be given them as files.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"
	"sigs.k8s.io/kwok/kustomize/stage/node/fast"
	pods "sigs.k8s.io/kwok/kustomize/stage/pod/fast"
	"sigs.k8s.io/kwok/pkg/config"
	"sigs.k8s.io/kwok/pkg/kwok/cmd"
	"sigs.k8s.io/kwok/pkg/log"
	"sigs.k8s.io/kwok/pkg/utils/signals"
)

func run() error {
	stages := strings.Join([]string{fast.DefaultNodeInit, pods.DefaultPodReady, pods.DefaultPodDelete}, "\n---\n")
	// kwok takes its configuration from standard input when it is called "-".
	input, into, err := os.Pipe()
	if err != nil {
		return err
	}
	go func() {
		defer into.Close()
		_, _ = io.WriteString(into, stages)
	}()
	os.Stdin = input
	os.Args = append(os.Args, "--config=-")
	return command(signals.SetupSignalContext())
}

// command is what kwok's own main package does.
func command(ctx context.Context) error {
	flags := pflag.NewFlagSet("global", pflag.ContinueOnError)
	flags.ParseErrorsAllowlist.UnknownFlags = true
	flags.Usage = func() {}
	ctx, _ = log.InitFlags(ctx, flags)
	ctx, err := config.InitFlags(ctx, flags)
	if err != nil {
		return err
	}
	kwok := cmd.NewCommand(ctx)
	kwok.PersistentFlags().AddFlagSet(flags)
	return kwok.ExecuteContext(ctx)
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "kwok:", err)
		os.Exit(1)
	}
}
