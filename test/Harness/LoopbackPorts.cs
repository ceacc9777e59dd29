using Latchkey.Testing.Hosting;

namespace Latchkey.Tests.Harness;

/// <summary>Hands out ports of 127.0.0.1 that are free: from the kit's own row, since two rows in one process could hand out the same port.</summary>
public static class LoopbackPorts
{
    /// <summary>A port that nothing listens on; every call gives another.</summary>
    public static int Next() => FreePort.Next();
}
