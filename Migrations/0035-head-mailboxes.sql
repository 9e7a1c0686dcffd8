-- Mailboxes that also want the signed heads of the log: what their MailboxSet events say, to be found by a head.
create table head_mailboxes (
    account text not null,
    mailbox text not null,
    primary key (account, mailbox)
);

grant select, insert, delete on head_mailboxes to fleetlog_server;
