select l.classoid::regclass::text as class, l.objoid as oid, l.objsubid as part
, string_agg(l.provider || ': ' || l.label, ', ' order by l.provider) as value
from pg_seclabel l
where l.objoid >= 16384
group by 1, 2, 3
