-- Options may hold a password: only their digest is kept.
select
  s.srvname as path_1
, s.oid
, pg_get_userbyid(s.srvowner) as owner
, w.fdwname as wrapper
, s.srvtype as type
, s.srvversion as version
, (select encode(sha256(convert_to(string_agg(o, ',' order by o), 'UTF8')), 'hex') from unnest(s.srvoptions) o) as options_digest
, case when s.srvacl is not null then nullif(
    coalesce((select string_agg(i::text, ', ' order by i::text) from unnest(s.srvacl) i), 'none'),
    (select string_agg(i::text, ', ' order by i::text) from unnest(acldefault('S', s.srvowner)) i)) end as privileges
, (select string_agg(i::text, ', ' order by i::text) from unnest(acldefault('S', s.srvowner)) i) as fact_default_privileges
, s.srvfdw as fact_same_wrapper
from pg_foreign_server s
join pg_foreign_data_wrapper w on w.oid = s.srvfdw
