namespace Latchkey.Storage.Tests;

public sealed class RowIdTests
{
    [Fact]
    public void An_id_says_where_and_when()
    {
        var id = RowId.New("alice", TestDatabase.Now);
        Assert.Equal(RowId.BucketOf("alice"), id.Bucket);
        Assert.InRange(id.Bucket, 0, 4095);
        Assert.Equal(TestDatabase.Now, id.CreatedAt);
        Assert.NotEqual(id, RowId.New("alice", TestDatabase.Now));
    }

    [Fact]
    public void The_bucket_of_a_user_never_changes()
    {
        // The first 12 bits of SHA-256; every row of every installation depends on it.
        Assert.Equal(0x2bd, RowId.BucketOf("alice"));
        Assert.Equal(0xe3b, RowId.BucketOf(""));
    }

    [Fact]
    public void Ids_of_one_user_lie_in_the_order_of_time()
    {
        var early = RowId.New("alice", 1000);
        var late = RowId.New("alice", 1001);
        Assert.True(early.ToBytes().AsSpan().SequenceCompareTo(late.ToBytes()) < 0);
    }

    [Fact]
    public void Text_and_bytes_read_back()
    {
        var id = RowId.New("alice", TestDatabase.Now);
        Assert.Equal(id, RowId.From(id.ToBytes()));
        Assert.Equal(22, id.ToString().Length);
        Assert.Equal(id, RowId.Parse(id.ToString()));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("abc")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAA=")]
    [InlineData("AAAAAAAAAAAAAAAAAAAA==")]
    [InlineData("AAAAAAAAAA AAAAAAAAAAA")]
    [InlineData("AAAAAAAAAAAAAAAAAAAA+A")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("ééééééééééééééééééééééé")]
    public void Other_text_is_no_id(string? text) => Assert.Null(RowId.Parse(text));

    [Fact]
    public void An_id_has_one_spelling()
    {
        // The last character carries two spare bits; a second spelling would be a second name for one grant.
        Assert.Null(RowId.Parse("AAAAAAAAAAAAAAAAAAAAAB"));
    }
}
