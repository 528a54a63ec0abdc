-- Objects that belong to an extension: the extension stands for them all.
select d.classid::regclass::text as class, d.objid as oid
from pg_depend d
where d.deptype = 'e' and d.refclassid = 'pg_extension'::regclass
