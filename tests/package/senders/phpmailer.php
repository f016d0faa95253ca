<?php
// SPDX-License-Identifier: ISC
// usage: phpmailer.php mail|sendmail|smtp SUBJECT [HOST PASSWORD]: a mail to
// root by PHPMailer.
require_once '/usr/share/php/libphp-phpmailer/autoload.php';

$mail = new PHPMailer\PHPMailer\PHPMailer(true);
if ($argv[1] == 'mail') {
    $mail->isMail();
} elseif ($argv[1] == 'sendmail') {
    $mail->isSendmail();
} else {
    $mail->isSMTP();
    $mail->Host = $argv[3];
    $mail->Port = 587;
    $mail->SMTPAuth = true;
    $mail->Username = 'carol';
    $mail->Password = $argv[4];
}
$mail->setFrom('carol@example.org');
$mail->addAddress('root@example.org');
$mail->Subject = $argv[2];
$mail->Body = "Hello.\n";
$mail->send();
