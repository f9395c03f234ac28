// Command etcd is the stock etcd server. `go install` refuses the etcd module because of its replace directives; a main package of our own is what works.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
