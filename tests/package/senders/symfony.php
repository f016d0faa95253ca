<?php
// SPDX-License-Identifier: ISC
// usage: symfony.php DSN SUBJECT: a mail to root by symfony/mailer.
require_once '/usr/share/php/Symfony/Component/Mailer/autoload.php';
require_once '/usr/share/php/Symfony/Component/Mime/autoload.php';

$email = (new Symfony\Component\Mime\Email())
    ->from('carol@example.org')->to('root@example.org')
    ->subject($argv[2])->text("Hello.\n");
$transport = Symfony\Component\Mailer\Transport::fromDsn($argv[1]);
(new Symfony\Component\Mailer\Mailer($transport))->send($email);
