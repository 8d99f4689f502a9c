// Package execd is the child's side of the protocol that Telegraf speaks with the programs of its execd plugins.
//
// For an input, the child of inputs.execd, that is: metrics in line protocol on stdout ([Writer]), the command to
// gather as a newline on stdin or as a signal ([Triggers]), and log lines on stderr ([Handler]).
//
// For an output, the child of outputs.execd: metrics in line protocol on stdin ([LineReader]), which the host counts
// as written as soon as they are in the pipe, and log lines on stderr and stdout ([HandlerOptions]).
//
// The truth about the protocol is Telegraf's source (1.39): plugins/inputs/execd and plugins/outputs/execd
// for what is said, internal/process for how a child is started and ended. Two facts of the latter shape this package.
// Telegraf waits for the child and reads its stdout at the same time, and closes the pipe as soon as the child has
// ended, with what is still unread in it; hence [Writer.Drain]. And it ends a child by closing its stdin, by SIGTERM
// five seconds later, and by SIGKILL after another five; hence writes that no signal can cut in the middle of a line.
package execd
