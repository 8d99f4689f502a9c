//go:build race

package ipvs_test

func init() { underRace = true }
