-- A schema whose tables are hard to fill.
create table every (id integer primary key, a int, b bigint unsigned, c text not null, d varchar(5) not null check (length(d) <= 5), e blob, f real, g numeric(8,2), h boolean not null check (h in (0,1)),
 i date, j datetime default current_timestamp, k timestamp not null, l json check (json_valid(l)), m, n decimal(10,3), o uuid, p double precision);
create table strict_one (a int not null, b text, c real not null, d blob, e any, primary key (a)) strict;
create table no_rowid (a text, b int, c, primary key (a, b)) without rowid;
create table checks (id integer primary key autoincrement, kind text not null check (kind in ('a','b') ), x int, y int,
  "from" date not null, "to" date not null, email text collate nocase not null unique check (email like '%@%'), pct real check (pct >= 0.0 and pct <= 1.0), g int generated always as (coalesce(x,0)+1) virtual check (g < 100), q text check (q glob 'x*'), w text check (typeof(w) = 'text' and w <> ''), check ((kind = 'a' and x is not null and y is null) or (kind = 'b' and y > 10 and x is null)), check ("from" <= "to"));
create table parent (id integer primary key, code text not null unique);
create table child (id text primary key not null, parent_id integer not null references parent, code text references parent(code), self text references child(id));
create table pair (a integer references parent(id), b text references child(id), primary key (a, b));
create table ring_a (id integer primary key, b integer references ring_b(id)); create table ring_b (id integer primary key, a integer not null references ring_a(id));
create table triggered (id integer primary key, x text); create trigger tt before insert on triggered when new.x is null begin select raise(abort, 'no null'); end;
create table logged (id integer primary key, x text); create table log (x text); create trigger tl after insert on logged begin insert into log values (new.x); end;
create virtual table fts using fts5(title, body);
create table "Odd ""Name" ("a b" integer not null, [c d] text, unique ("a b", [c d]));
create unique index partial on every (c) where a > 5; create unique index ex on logged (lower(x));
create table lone (id integer primary key check (id = 1));
