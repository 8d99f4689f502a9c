// Package bench measures the program beside its peers, in one run: what a gather
// costs on a real kernel, beside the cheapest dump there can be; how fast it
// delivers to a PI Web API; and how fast it takes in data points in OpenTSDB's
// formats. It has tests only, behind the build tag bench. Those of gathers need a
// kernel with IPVS and root: "make bench" runs them in a guest.
package bench
