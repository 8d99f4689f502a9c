// Package bench measures what a gather costs on a real kernel, beside its peers
// and the cheapest dump there can be, in one run. It has tests only, behind the
// build tag bench, and they need a kernel with IPVS and root: "make bench" runs
// them in a guest.
package bench
