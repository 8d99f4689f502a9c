// Package outlet is what an output plugin is apart from its protocol: a durable queue that takes lines of line
// protocol, a publisher that carries them to the plugin's [publish.Sink], the log lines that say how that goes, the
// status page with its metrics, and the checks of the queue's directory. It knows no protocol, and no receiver but by
// its name.
//
// A plugin embeds the [Outlet] that it makes, adds Check and what it has to close, and so is an output.
package outlet
