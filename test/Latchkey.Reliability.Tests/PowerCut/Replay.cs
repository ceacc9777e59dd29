using System.Buffers.Binary;

namespace Latchkey.Reliability.Tests.PowerCut;

/// <summary>
/// Rebuilds a disk as a power cut may leave it: what was fsynced is there; of what was written since, any part is there or not, in whole or in sectors.
/// </summary>
internal static class Replay
{
    private const int HeadSize = 24;
    private const int Sector = 512;

    /// <summary>Cuts the power at some places of the notes.</summary>
    /// <param name="log">The notes.</param>
    /// <param name="cuts">How far the notes had come each time, in ascending order.</param>
    /// <param name="honoursFsync">False for a disk, or a program, that never made anything durable: the control.</param>
    /// <param name="random">Decides what is left.</param>
    /// <param name="visit">Looks at the disk: the place of the cut and the file of the database.</param>
    public static void Run(string log, IReadOnlyList<long> cuts, bool honoursFsync, Random random, Action<long, string> visit)
    {
        var disk = new Dictionary<char, DiskFile> { ['d'] = new(), ['w'] = new() };
        using var notes = new FileStream(log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 1 << 20);
        Span<byte> head = stackalloc byte[HeadSize];
        var next = 0;
        while (next < cuts.Count)
        {
            var ended = notes.ReadAtLeast(head, HeadSize, throwOnEndOfStream: false) < HeadSize;
            var (what, file) = ((char)head[0], (char)head[1]);
            var offset = BinaryPrimitives.ReadInt64LittleEndian(head[8..]);
            var content = new byte[ended ? 0 : BinaryPrimitives.ReadInt64LittleEndian(head[16..])];
            notes.ReadExactly(content);
            while (next < cuts.Count && (ended || notes.Position > cuts[next]))
            {
                using var folder = new TemporaryFolder();
                disk['d'].Save(folder.File("latchkey.db"), random);
                disk['w'].Save(folder.File("latchkey.db-wal"), random);
                visit(cuts[next++], folder.File("latchkey.db"));
            }

            if (ended) return;
            if (what != 'S') disk[file].Pending.Add(new(what == 'T', offset, content));
            else if (honoursFsync) disk[file].Settle();
        }
    }

    private sealed record Change(bool Truncates, long Offset, byte[] Content);

    private sealed class DiskFile
    {
        private byte[] _content = [];
        private int _length;

        public List<Change> Pending { get; } = [];

        public void Settle()
        {
            foreach (var change in Pending) (_content, _length) = Apply(change, _content, _length);
            Pending.Clear();
        }

        public void Save(string file, Random random)
        {
            var (content, length) = (_content.ToArray(), _length);
            foreach (var change in Pending)
            {
                switch (random.Next(3))
                {
                    case 0:
                        break;
                    case 1:
                        (content, length) = Apply(change, content, length);
                        break;
                    default:
                        // Torn: some of its sectors.
                        for (var from = 0; from < change.Content.Length; from += Sector)
                        {
                            if (random.Next(2) == 0) continue;
                            var part = change.Content[from..Math.Min(from + Sector, change.Content.Length)];
                            (content, length) = Apply(new(false, change.Offset + from, part), content, length);
                        }

                        break;
                }
            }

            if (length == 0) return;
            using var saved = File.Create(file);
            saved.Write(content, 0, length);
        }

        private static (byte[] Content, int Length) Apply(Change change, byte[] content, int length)
        {
            if (change.Truncates)
            {
                var shorter = (int)change.Offset;
                if (shorter < length) Array.Clear(content, shorter, length - shorter);
                if (shorter > content.Length) Array.Resize(ref content, shorter);
                return (content, shorter);
            }

            var end = (int)change.Offset + change.Content.Length;
            if (end > content.Length) Array.Resize(ref content, Math.Max(end, content.Length * 2));
            change.Content.CopyTo(content, change.Offset);
            return (content, Math.Max(length, end));
        }
    }
}
