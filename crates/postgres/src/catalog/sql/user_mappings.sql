-- Options hold passwords: only their digest is kept (and that only where the server shows them to us).
select
  u.srvname as path_1
, u.usename as path_2
, u.umid as oid
, (select encode(sha256(convert_to(string_agg(o, ',' order by o), 'UTF8')), 'hex') from unnest(u.umoptions) o) as options_digest
from pg_user_mappings u
