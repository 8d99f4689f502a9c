// Package publish carries what a durable queue holds to a receiver: it reads records in order, has a [Sink] turn
// them into values for targets, gathers values of many targets into one delivery, and settles a record when every
// value of it has arrived or stands where a person finds it. It knows no protocol.
//
// # What it keeps
//
//   - The values of one target are delivered in the order of the queue, and never by two deliveries at once.
//     Deliveries that run at the same time have no target in common.
//   - A record leaves the queue in the same transaction that stores what became of those of its values that could
//     not be delivered. Whoever is killed in between delivers again what was on its way, and nothing else.
//   - A value that is refused goes to the dead letters; its neighbours go on.
//   - A target that takes nothing for the time being has its values put aside, on disk, and is tried again ever more
//     seldom. Newer values of it wait behind the older ones. What has waited for longer than HoldTime becomes a dead
//     letter. So no target holds up another one, and none keeps the queue from being emptied.
//   - A receiver that is down holds up everything and loses nothing: memory holds a bounded window, the rest stays in
//     the queue.
package publish
