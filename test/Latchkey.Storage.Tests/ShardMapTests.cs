namespace Latchkey.Storage.Tests;

/// <summary>Which database has which bucket.</summary>
public sealed class ShardMapTests
{
    [Theory]
    [InlineData(1, "0-4095")]
    [InlineData(2, "0-2047 2048-4095")]
    [InlineData(3, "0-1365 1366-2730 2731-4095")]
    public void Without_a_word_each_has_as_many_as_the_others(int count, string expected) => Assert.Equal(expected, ShardMap.Of(new string?[count]).ToString());

    [Fact]
    public void Ranges_are_read_and_written_alike()
    {
        var map = ShardMap.Of(["0-1023,3072-4095", "1024-2000,2002-3071", "2001"]);
        Assert.Equal("0-1023,3072-4095 1024-2000,2002-3071 2001-2001", map.ToString());
        Assert.Equal([0, 0, 1, 1, 2, 1, 1, 0, 0], new[] { 0, 1023, 1024, 2000, 2001, 2002, 3071, 3072, 4095 }.Select(bucket => map[bucket]));
        Assert.Equal(map.ToString(), ShardMap.Of(map.ToString().Split(' ')).ToString());
    }

    [Fact]
    public void The_most_databases_each_have_some() => Assert.Equal(ShardMap.MostShards, ShardMap.Of(new string?[ShardMap.MostShards]).ToString().Split(' ').Length);

    [Theory]
    [InlineData("0-2047", "2047-4095", "bucket 2047 is given twice")]
    [InlineData("0-2046", "2048-4095", "bucket 2047 is given to none")]
    [InlineData("0-2047", null, "number 2 does not say")]
    [InlineData("0-2047", "2048-4096", "0 to 4095")]
    [InlineData("0-2047", "4095-2048", "Buckets is written")]
    [InlineData("0-2047", "", "Buckets is written")]
    [InlineData("0-2047,", "2048-4095", "Buckets is written")]
    [InlineData("-1", "0-4095", "Buckets is written")]
    [InlineData("all", "0-4095", "Buckets is written")]
    public void What_does_not_add_up_is_told(string first, string? second, string expected) =>
        Assert.Contains(expected, Assert.Throws<FormatException>(() => ShardMap.Of([first, second])).Message, StringComparison.Ordinal);

    [Fact]
    public void There_are_not_any_number_of_databases()
    {
        Assert.Throws<FormatException>(() => ShardMap.Of([]));
        Assert.Throws<FormatException>(() => ShardMap.Of(new string?[ShardMap.MostShards + 1]));
    }
}
