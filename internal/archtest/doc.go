// Package archtest holds the project to its architecture. It has tests only:
//
//   - imports go from a floor to a lower one, never up and never sideways;
//   - helper packages for tests are imported by tests alone, and so are the
//     modules that are oracles, fixtures or assertions;
//   - no package keeps state in variables;
//   - files of more than 400 lines are listed, as candidates for a split.
//
// The floors stand in a table in floors_test.go. A new package gets a line there.
package archtest
