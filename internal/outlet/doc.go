// Package outlet is what an output plugin is apart from its protocol: a durable queue that takes lines of line
// protocol, a publisher that carries them to the plugin's [publish.Sink], the log lines that say how that goes, the
// status page with its metrics, and the checks of the queue's directory. It knows no protocol, and no receiver but by
// its name.
//
// What maps series to names at the receiver is here as well: who has a name and for how long ([Names]), what becomes of
// the fields of a series ([Plan]), and the notation in which names are written ([Template]).
//
// A plugin embeds the [Outlet] that it makes, adds Check and what it has to close, and so is an output.
package outlet
