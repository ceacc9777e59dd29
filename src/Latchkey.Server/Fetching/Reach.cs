namespace Latchkey.Server.Fetching;

/// <summary>Which machines a request of the server's own may reach.</summary>
internal enum Reach
{
    /// <summary>The public Internet over https: for every URL that somebody unknown wrote.</summary>
    Public,

    /// <summary>That, and http or https on <c>127.0.0.1</c>, <c>[::1]</c> and <c>localhost</c>, written in just these ways: for development.</summary>
    PublicOrLoopback,

    /// <summary>Any address, over https, and over http on this computer: for URLs that an operator declared, which may lie in their own network.</summary>
    Declared,
}
