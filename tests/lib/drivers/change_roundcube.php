<?php
// Changes a password by the driver poppassd of Roundcube's plugin "password".
// What the driver asks Roundcube for is made here: the settings, and the name
// of a host.  Prints what it returns: a code, and the text that users see.
define('PASSWORD_CONNECT_ERROR', 'connect');
define('PASSWORD_ERROR', 'refused');
define('PASSWORD_SUCCESS', 'changed');

class rcube_utils
{
    public static function parse_host($name)
    {
        return $name;
    }
}

class rcmail
{
    public $config;

    public static function get_instance()
    {
        $mail = new rcmail();
        $mail->config = $mail;
        return $mail;
    }

    public function get($name, $usual)
    {
        $set = ['password_pop_host' => '127.0.0.1',
                'password_pop_port' => (int) getenv('PORT')];
        return $set[$name] ?? $usual;
    }
}

set_include_path(getenv('FOLDERS'));
require 'PEAR.php';
require 'Net/Socket.php';
require getenv('DRIVER');
[$present, $new, $user] = explode("\n", stream_get_contents(STDIN));
$driver = new rcube_poppassd_password();
$said = $driver->save($present, $new, $user);
echo is_array($said) ? $said['code'] . "\n" . $said['message'] : $said . "\n";
