select
  n.nspname as path_1
, c.collname as path_2
, c.oid
, pg_get_userbyid(c.collowner) as owner
, case c.collprovider when 'c' then 'libc' when 'i' then 'icu' when 'b' then 'builtin' else 'default' end as provider
, c.collcollate as "collate"
, c.collctype as ctype
--15+ --<17 , c.colliculocale as locale
--17+ , c.colllocale as locale
--16+ , c.collicurules as rules
, case when not c.collisdeterministic then 'no' end as deterministic
, nullif(c.collencoding, -1) as encoding
from pg_collation c
join pg_namespace n on n.oid = c.collnamespace
where c.oid >= 16384
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'tightrope')
