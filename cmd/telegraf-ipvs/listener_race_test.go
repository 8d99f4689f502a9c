//go:build race

package main

// raceDetector tells that the program under test, which is this test binary, is many times slower than it is.
const raceDetector = true
