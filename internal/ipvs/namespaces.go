package ipvs

// A Namespace is a network namespace that a file keeps alive.
type Namespace struct {
	Name string // last element of the path
	Path string
	ID   NamespaceID
}

// A NamespaceID tells network namespaces apart while they live. It is comparable.
type NamespaceID struct {
	Device, Inode uint64
}
