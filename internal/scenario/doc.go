// Package scenario proves the configurations in testdata/scenarios: a folder there holds what one use of the program needs,
// ready to be copied, and a test here that does what the use is about.
//
// A test takes the files as they stand, with nothing replaced but addresses and paths. Without a Telegraf binary it feeds
// the program with what the inputs of telegraf.conf produce, made from the options in that file, and looks at what arrives at
// the double of PI Web API or in the database. With one, named by the variable TELEGRAF or found in PATH, a subtest runs the
// whole of telegraf.conf under it.
//
// There is nothing here but tests.
package scenario
