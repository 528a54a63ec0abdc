delete from orders where id % 10000 = 13;
