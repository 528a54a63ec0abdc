select
  l.lanname as path_1
, l.oid
, pg_get_userbyid(l.lanowner) as owner
, case when l.lanpltrusted then 'yes' end as trusted
, nullif(l.lanplcallfoid, 0)::regprocedure::text as handler
, nullif(l.laninline, 0)::regprocedure::text as inline
, nullif(l.lanvalidator, 0)::regprocedure::text as validator
, case when l.lanacl is not null then nullif(
    coalesce((select string_agg(i::text, ', ' order by i::text) from unnest(l.lanacl) i), 'none'),
    (select string_agg(i::text, ', ' order by i::text) from unnest(acldefault('l', l.lanowner)) i)) end as privileges
, (select string_agg(i::text, ', ' order by i::text) from unnest(acldefault('l', l.lanowner)) i) as fact_default_privileges
, nullif(l.lanplcallfoid, 0) as fact_same_handler
, nullif(l.laninline, 0) as fact_same_inline
, nullif(l.lanvalidator, 0) as fact_same_validator
from pg_language l
where l.oid >= 16384
