// SPDX-License-Identifier: ISC
// usage: nodemailer.js sendmail|smtp SUBJECT [HOST PASSWORD]: a mail to root by
// nodemailer.
const [way, subject, host, pass] = process.argv.slice(2);
const options = way === 'sendmail' ? { sendmail: true } :
    { host, port: 465, secure: true, auth: { user: 'carol', pass } };
require('nodemailer').createTransport(options).sendMail({
    from: 'carol@example.org', to: 'root@example.org', subject,
    text: 'Hello.\n',
}).catch(error => { console.error(error); process.exit(1); });
