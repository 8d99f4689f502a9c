package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// Addresses of the stage. All are on lo: IPVS meets what this machine sends to
// itself as it meets what comes from a network.
const (
	clientAddress  = "10.1.0.2"
	virtualAddress = "10.1.0.1"
	webPort        = "80"
	emptyPort      = "53"
	realPort       = "8080"
)

// realServers are the real servers' addresses and weights.
var realServers = []struct {
	address string
	weight  int
}{
	{"10.1.0.11", 1},
	{"10.1.0.12", 2},
	{"10.1.0.13", 3},
}

// commandLimit bounds one run of ip or ipvsadm.
const commandLimit = 10 * time.Second

// A stage is what has been set up so far.
type stage struct {
	say  func(format string, args ...any)
	undo [][]string // in the order of doing
}

// build adds the addresses and the virtual servers. Call strike also when it fails.
func (s *stage) build(ctx context.Context) error {
	if err := s.do(ctx, "ip link set lo up", ""); err != nil {
		return err
	}
	addresses := []string{virtualAddress, clientAddress}
	for _, r := range realServers {
		addresses = append(addresses, r.address)
	}
	for _, a := range addresses {
		on := " " + a + "/32 dev lo"
		if err := s.do(ctx, "ip address add"+on, "ip address del"+on); err != nil {
			return err
		}
	}
	web := " --tcp-service " + virtualAddress + ":" + webPort
	if err := s.do(ctx, "ipvsadm --add-service"+web+" --scheduler wrr", "ipvsadm --delete-service"+web); err != nil {
		return err
	}
	for _, r := range realServers {
		to := " --real-server " + r.address + ":" + realPort + " --masquerading --weight " + strconv.Itoa(r.weight)
		if err := s.do(ctx, "ipvsadm --add-server"+web+to, ""); err != nil { // goes with its virtual server
			return err
		}
	}
	empty := " --udp-service " + virtualAddress + ":" + emptyPort
	return s.do(ctx, "ipvsadm --add-service"+empty+" --scheduler rr", "ipvsadm --delete-service"+empty)
}

// do shows and runs a command, and notes how to undo it.
func (s *stage) do(ctx context.Context, command, undo string) error {
	s.say("  %s", command)
	if err := execute(ctx, strings.Fields(command)); err != nil {
		return err
	}
	if undo != "" {
		s.undo = append(s.undo, strings.Fields(undo))
	}
	return nil
}

// strike undoes what build did, the last first, however the run has ended.
func (s *stage) strike() error {
	var problems []error
	for i := len(s.undo) - 1; i >= 0; i-- {
		problems = append(problems, execute(context.Background(), s.undo[i]))
	}
	return errors.Join(problems...)
}

// execute runs a command. Its error holds what the command wrote.
func execute(ctx context.Context, command []string) error {
	ctx, cancel := context.WithTimeout(ctx, commandLimit)
	defer cancel()
	output, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput()
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s: %w", strings.Join(command, " "), err)
	if len(output) > 0 {
		err = fmt.Errorf("%w: %q", err, strings.TrimSpace(string(output)))
	}
	return err
}
