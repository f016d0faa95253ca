// SPDX-License-Identifier: ISC
// usage: smtp.go SUBJECT HOST PASSWORD: a mail to root by Go's net/smtp.
package main

import (
	"log"
	"net/smtp"
	"os"
)

func main() {
	subject, host, password := os.Args[1], os.Args[2], os.Args[3]
	err := smtp.SendMail(host+":587",
		smtp.PlainAuth("", "carol", password, host),
		"carol@example.org", []string{"root@example.org"},
		[]byte("From: carol@example.org\r\nTo: root@example.org\r\n"+
			"Subject: "+subject+"\r\n\r\nHello.\r\n"))
	if err != nil {
		log.Fatal(err)
	}
}
