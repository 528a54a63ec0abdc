update orders set cents = cents - 50 where id % 1000 = 7;
