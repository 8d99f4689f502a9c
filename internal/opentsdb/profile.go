package opentsdb

// Profile chooses a dialect: what is taken, and what can be sent.
type Profile uint8

// The profiles. Where they agree is said in the package comment; they differ in these points:
//
//   - IRONdb takes every character in names, 256 tags, a tag value with an equals sign, and a line without put.
//   - OpenTSDB takes letters, digits and -_./ in names, 8 tags, and nothing of the other two.
const (
	IRONdb Profile = iota
	OpenTSDB
)

// ParseProfile returns the profile with a name, "irondb" or "opentsdb".
func ParseProfile(s string) (Profile, bool) {
	switch s {
	case "irondb":
		return IRONdb, true
	case "opentsdb":
		return OpenTSDB, true
	}
	return IRONdb, false
}

// String returns the name.
func (p Profile) String() string {
	if p == OpenTSDB {
		return "opentsdb"
	}
	return "irondb"
}

// maxTags is how many tags a data point may have, when nothing else is configured: MAX_TAGS of IRONdb's
// noit_metric.h, and tsd.storage.max_tags of OpenTSDB.
func (p Profile) maxTags() int {
	if p == OpenTSDB {
		return 8
	}
	return 256
}
